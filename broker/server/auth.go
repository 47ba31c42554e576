package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	maxAuthAnswer = 1 << 20          // bytes of an auth server's answer
	authIdle      = 90 * time.Second // after which a connection to one is closed that is not used
)

// An authority asks the auth servers what clients may do. Safe from any goroutine.
type authority struct {
	endpoints []*url.URL
	post      bool
	client    *http.Client
	log       Log // of failures that another server made up for; the others are in the answer
	alive     context.Context
	cancel    context.CancelFunc
}

// newAuthority makes one that trusts the servers that secure, which may be nil, says.
func newAuthority(cfg AuthConfig, secure *tls.Config) (*authority, error) {
	if cfg.Method != "get" && cfg.Method != "post" {
		return nil, fmt.Errorf("--auth-http-request-method is %q: want get or post", cfg.Method)
	}
	if len(cfg.Addresses) == 0 {
		return nil, errors.New("no --auth-http-address")
	}
	a := &authority{post: cfg.Method == "post", log: func(Level, string, ...any) {}}
	for _, address := range cfg.Addresses {
		if !strings.Contains(address, "://") {
			address = "http://" + address + "/auth"
		}
		u, err := url.Parse(address)
		if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			err = errors.New("want host:port, or a URL of http or https")
		}
		if err != nil {
			return nil, fmt.Errorf("--auth-http-address %q: %w", address, bare(err))
		}
		a.endpoints = append(a.endpoints, u)
	}
	a.client = &http.Client{
		Timeout: cfg.RequestTimeout,
		Transport: &http.Transport{
			DialContext:     (&net.Dialer{Timeout: cfg.ConnectTimeout}).DialContext,
			TLSClientConfig: secure.Clone(),
			IdleConnTimeout: authIdle,
		},
	}
	a.alive, a.cancel = context.WithCancel(context.Background())
	return a, nil
}

// close ends what is being asked, and the connections.
func (a *authority) close() {
	a.cancel()
	a.client.CloseIdleConnections()
}

// ask puts a question to the servers, each once and beginning with any, until one gives an answer that can be used. The answer's error names all
// that was wrong, but never the secret.
func (a *authority) ask(q wire.Question) wire.Answer {
	params := url.Values{
		"common_name": {q.CommonName}, "remote_ip": {q.RemoteIP}, "secret": {q.Secret}, "tls": {strconv.FormatBool(q.TLS)},
	}
	hide := strings.NewReplacer(q.Secret, "(secret)", url.QueryEscape(q.Secret), "(secret)")
	var failures []string
	first := rand.IntN(len(a.endpoints))
	for i := range a.endpoints {
		u := a.endpoints[(first+i)%len(a.endpoints)]
		body, err := a.query(u, params)
		if err != nil {
			failures = append(failures, fmt.Sprintf("%s://%s%s: %s", u.Scheme, u.Host, u.Path, hide.Replace(err.Error())))
			continue
		}
		for _, failure := range failures {
			a.log(Warn, "AUTH: %s", failure)
		}
		return wire.Answer{Body: body}
	}
	return wire.Answer{Err: errors.New(strings.Join(failures, "; "))}
}

// query asks one server, and checks what it says. One that forbids it in the clear, and names its port for HTTPS, is asked there once more.
func (a *authority) query(u *url.URL, params url.Values) ([]byte, error) {
	status, body, err := a.request(u, params)
	if err == nil && status == http.StatusForbidden && u.Scheme == "http" {
		if u, err = secured(u, body); err == nil {
			status, body, err = a.request(u, params)
		}
	}
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("it answered %d %s", status, http.StatusText(status))
	}
	return body, broker.CheckPermit(body)
}

// secured is a URL over HTTPS, at the port that a server named as it refused.
func secured(u *url.URL, body []byte) (*url.URL, error) {
	var refusal struct {
		Port int `json:"https_port"`
	}
	if err := json.Unmarshal(body, &refusal); err != nil || refusal.Port < 1 || refusal.Port > 65535 {
		return nil, errors.New("it answered 403 Forbidden without an https_port")
	}
	changed := *u
	changed.Scheme, changed.Host = "https", net.JoinHostPort(u.Hostname(), strconv.Itoa(refusal.Port))
	return &changed, nil
}

// request makes one request. A GET has the parameters in its query, behind those that the URL has already: with & and not with a second ? as
// from nsqd, which no server would understand.
func (a *authority) request(u *url.URL, params url.Values) (status int, body []byte, err error) {
	target, method, sent := *u, http.MethodGet, []byte(nil)
	if a.post {
		method = http.MethodPost
		if sent, err = json.Marshal(params); err != nil {
			return 0, nil, err
		}
	} else {
		target.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+params.Encode(), "&")
	}
	r, err := http.NewRequestWithContext(a.alive, method, target.String(), bytes.NewReader(sent))
	if err != nil {
		return 0, nil, bare(err)
	}
	r.Header.Set("Accept", "application/vnd.nsq; version=1.0")
	if a.post {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := a.client.Do(r)
	if err != nil {
		return 0, nil, bare(err)
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAuthAnswer+1))
	if err == nil && len(body) > maxAuthAnswer {
		err = fmt.Errorf("its answer is longer than %d bytes", maxAuthAnswer)
	}
	return answer.StatusCode, body, err
}

// bare is what went wrong without the URL it went wrong with, in which there may be a secret.
func bare(err error) error {
	var with *url.Error
	if errors.As(err, &with) {
		return with.Err
	}
	return err
}
