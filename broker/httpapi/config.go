package httpapi

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

var errInvalidOption = refusal{http.StatusBadRequest, "INVALID_OPTION"}

// config answers GET /config/:opt: the value of an option by its name in a config file.
func (d *nsqd) config(r *http.Request) (any, error) {
	option := strings.TrimPrefix(r.URL.Path, "/config/")
	if d.info.Config == nil {
		return nil, errInvalidOption
	}
	value, ok := d.info.Config(option)
	if !ok {
		return nil, errInvalidOption
	}
	return value, nil
}

// setConfig answers PUT /config/:opt: it sets one of the two options that can be set while the daemon runs, until it ends. The answer is
// that of GET.
func (d *nsqd) setConfig(r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, d.opts.MaxMsgSize+1))
	if err != nil {
		return nil, errInternal
	}
	if len(body) == 0 || int64(len(body)) > d.opts.MaxMsgSize {
		return nil, refusal{http.StatusRequestEntityTooLarge, "INVALID_VALUE"}
	}
	option := strings.TrimPrefix(r.URL.Path, "/config/")
	switch {
	case option == "nsqlookupd_tcp_addresses" && d.info.SetLookupds != nil:
		var addresses []string
		if err = json.Unmarshal(body, &addresses); err == nil {
			d.info.SetLookupds(addresses)
		}
	case option == "log_level" && d.info.SetLogLevel != nil:
		err = d.info.SetLogLevel(string(body))
	default:
		return nil, errInvalidOption
	}
	if err != nil {
		return nil, refusal{http.StatusBadRequest, "INVALID_VALUE"}
	}
	return d.config(r)
}
