package httpapi

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// promised is what each endpoint can answer by nsqd's reference, and beyond it what this daemon adds; each stands in testdata/exchanges. What
// only a failing disk brings forth in nsqd, the 500 of emptying and of pausing, does not come to pass: such a failure is told by /ping.
var promised = map[string]string{
	"GET /ping":                     "200, 500 NOK - topic t",
	"GET /info":                     "200",
	"POST /pub":                     "200, 413 MSG_TOO_BIG, 500 INTERNAL_ERROR, 400 MSG_EMPTY, 400 INVALID_REQUEST, 400 MISSING_ARG_TOPIC, 400 INVALID_TOPIC, 400 INVALID_DEFER, 503 EXITING, 503 DRAINING, 503 PUB_FAILED",
	"POST /mpub":                    "200, 413 BODY_TOO_BIG, 400 INVALID_REQUEST, 400 MISSING_ARG_TOPIC, 400 INVALID_TOPIC, 400 INVALID_DEFER, 413 MSG_TOO_BIG, 500 INTERNAL_ERROR, 413 BAD_BODY, 413 BAD_MESSAGE, 503 EXITING, 503 DRAINING, 503 PUB_FAILED",
	"GET /stats":                    "200, 400 INVALID_REQUEST",
	"POST /topic/create":            "200, 400 INVALID_REQUEST, 400 MISSING_ARG_TOPIC, 400 INVALID_TOPIC, 503 EXITING, 503 DRAINING",
	"POST /topic/delete":            "200, 400 INVALID_REQUEST, 400 MISSING_ARG_TOPIC, 404 TOPIC_NOT_FOUND",
	"POST /topic/empty":             "200, 400 INVALID_REQUEST, 400 MISSING_ARG_TOPIC, 400 INVALID_TOPIC, 404 TOPIC_NOT_FOUND",
	"POST /topic/pause":             "200, 400 INVALID_REQUEST, 400 MISSING_ARG_TOPIC, 404 TOPIC_NOT_FOUND",
	"POST /topic/unpause":           "200, 400 INVALID_REQUEST, 400 MISSING_ARG_TOPIC, 404 TOPIC_NOT_FOUND",
	"POST /channel/create":          "200, " + channelRefusals,
	"POST /channel/delete":          "200, 404 CHANNEL_NOT_FOUND, " + channelRefusals,
	"POST /channel/empty":           "200, 404 CHANNEL_NOT_FOUND, " + channelRefusals,
	"POST /channel/pause":           "200, 404 CHANNEL_NOT_FOUND, " + channelRefusals,
	"POST /channel/unpause":         "200, 404 CHANNEL_NOT_FOUND, " + channelRefusals,
	"GET /config/:opt":              "200, 400 INVALID_OPTION",
	"PUT /config/:opt":              "200, 400 INVALID_OPTION, 400 INVALID_VALUE, 413 INVALID_VALUE, 500 INTERNAL_ERROR",
	"POST /drain":                   "200",
	"DELETE /drain":                 "200",
	"GET /debug/pprof/":             "200",
	"GET /debug/pprof/cmdline":      "200",
	"GET /debug/pprof/profile":      "200",
	"GET /debug/pprof/symbol":       "200",
	"POST /debug/pprof/symbol":      "200",
	"GET /debug/pprof/heap":         "200",
	"GET /debug/pprof/goroutine":    "200",
	"GET /debug/pprof/block":        "200",
	"GET /debug/pprof/threadcreate": "200",
	"PUT /debug/setblockrate":       "200, 400 invalid block rate, 400 INVALID_REQUEST",
	"POST /debug/freememory":        "200",
}

const channelRefusals = "400 INVALID_REQUEST, 400 MISSING_ARG_TOPIC, 400 INVALID_ARG_TOPIC, 400 MISSING_ARG_CHANNEL, 400 INVALID_ARG_CHANNEL, 404 TOPIC_NOT_FOUND"

// Every route there is stands in the exchanges with everything that it can answer, and with nothing else.
func TestExchangesAreComplete(t *testing.T) {
	seen := exchanges(t)
	for _, e := range nsqdRoutes {
		name := e.method + " " + e.path
		want, ok := promised[name]
		if !ok {
			t.Errorf("%s: nobody knows what it answers", name)
			continue
		}
		for answer := range strings.SplitSeq(want, ", ") {
			if answer = strings.TrimSpace(answer); !slices.Contains(seen[name], answer) {
				t.Errorf("%s: the answer %q stands in no exchange", name, answer)
			}
		}
		for _, answer := range seen[name] {
			if !slices.Contains(strings.Split(want, ", "), answer) {
				t.Errorf("%s: %q was answered, which is not promised", name, answer)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(promised)) {
		if !slices.ContainsFunc(nsqdRoutes, func(e route[*nsqd]) bool { return e.method+" "+e.path == name }) {
			t.Errorf("%s: no such route", name)
		}
	}
}
