package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/nsqlab/nsqlab/broker"
)

// A refusal is an answer other than 200: its status, and the code that clients read, which a reason may follow.
type refusal struct {
	status int
	code   string
}

func (e refusal) Error() string { return e.code }

// What several endpoints refuse.
var (
	errInvalidRequest  = refusal{http.StatusBadRequest, "INVALID_REQUEST"}
	errMissingTopic    = refusal{http.StatusBadRequest, "MISSING_ARG_TOPIC"}
	errInvalidTopic    = refusal{http.StatusBadRequest, "INVALID_TOPIC"}
	errTopicNotFound   = refusal{http.StatusNotFound, "TOPIC_NOT_FOUND"}
	errChannelNotFound = refusal{http.StatusNotFound, "CHANNEL_NOT_FOUND"}
	errInternal        = refusal{http.StatusInternalServerError, "INTERNAL_ERROR"}
	errExiting         = refusal{http.StatusServiceUnavailable, "EXITING"}
	errDraining        = refusal{http.StatusServiceUnavailable, "DRAINING"} // not in nsqd
)

// asRefusal gives what is answered for an error of the broker.
func asRefusal(err error) refusal {
	var r refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, broker.ErrTopicNotFound):
		return errTopicNotFound
	case errors.Is(err, broker.ErrChannelNotFound):
		return errChannelNotFound
	case errors.Is(err, broker.ErrExiting):
		return errExiting
	case errors.Is(err, broker.ErrDraining):
		return errDraining
	}
	return errInternal
}

// header marks an answer as nsqd's: without it go-nsq takes the body for that of a very old daemon.
func header(w http.ResponseWriter) { w.Header().Set("X-NSQ-Content-Type", "nsq; version=1.0") }

// writeAnswer answers 200: a string as it is, nil with an empty body, anything else as JSON.
func writeAnswer(w http.ResponseWriter, answer any) {
	if _, ok := answer.(string); !ok && answer != nil {
		p, err := json.Marshal(answer)
		if err != nil {
			writeError(w, errInternal)
			return
		}
		answer = string(p)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	header(w)
	writeBody(w, answer)
}

// writeBody answers 200 with a string, or with an empty body for nil.
func writeBody(w http.ResponseWriter, answer any) {
	s, ok := answer.(string)
	if !ok {
		w.WriteHeader(http.StatusOK)
		return
	}
	_, _ = io.WriteString(w, s) // who asked has gone if that fails
}

// A failure is the body of an answer other than 200.
type failure struct {
	Message string `json:"message"`
}

// writeError answers what was refused.
func writeError(w http.ResponseWriter, err error) {
	r := asRefusal(err)
	body, err := json.Marshal(failure{r.code})
	if err != nil {
		panic(err) // a string always becomes JSON
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	header(w)
	w.WriteHeader(r.status)
	_, _ = w.Write(body)
}

// writePlainError is writeError for the endpoints that answer people and probes: the code alone.
func writePlainError(w http.ResponseWriter, err error) {
	r := asRefusal(err)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, r.code)
}

// TLSRequired is what stands where clients must use HTTPS, on the port given: it refuses all, byte for byte as nsqd does.
func TLSRequired(httpsPort int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		header(w)
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"message": "TLS_REQUIRED", "https_port": %d}`, httpsPort)
	})
}

// refuse is a handler that always refuses.
func refuse(status int, code string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeError(w, refusal{status, code}) })
}

// parseQuery reads the parameters of a request, which stand in the query string alone.
func parseQuery(r *http.Request) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errInvalidRequest
	}
	return q, nil
}

// switched reads a parameter that is on or off; other is what any other word means, and none.
func switched(q url.Values, name string, other bool) bool {
	switch q.Get(name) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	return other
}
