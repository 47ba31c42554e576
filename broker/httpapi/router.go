package httpapi

import (
	"net/http"
	"net/http/pprof"

	"github.com/julienschmidt/httprouter"
)

// A route is an endpoint of a daemon D. Its handler gives what is answered; an error that is a refusal says how, and an http.HandlerFunc writes
// the answer itself.
type route[D any] struct {
	method, path string
	handle       func(d D, r *http.Request) (any, error)
	plain        bool // without nsqd's header and without JSON
}

// newRouter answers as d does, and refuses all else as nsqd does. panicked may be nil; see Info.
func newRouter[D any](d D, routes []route[D], panicked func(v any)) *httprouter.Router {
	r := httprouter.New()
	for _, e := range routes {
		r.Handle(e.method, e.path, serve(d, e))
	}
	r.NotFound = refuse(http.StatusNotFound, "NOT_FOUND")
	r.MethodNotAllowed = refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
	if panicked != nil {
		r.PanicHandler = func(w http.ResponseWriter, _ *http.Request, v any) {
			panicked(v)
			writeError(w, refusal{http.StatusInternalServerError, "INTERNAL_ERROR"})
		}
	}
	return r
}

func serve[D any](d D, e route[D]) httprouter.Handle {
	return func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
		answer, err := e.handle(d, r)
		if writes, ok := answer.(http.HandlerFunc); ok {
			writes(w, r)
			return
		}
		switch {
		case err != nil && e.plain:
			writePlainError(w, err)
		case err != nil:
			writeError(w, err)
		case e.plain:
			writeBody(w, answer)
		default:
			writeAnswer(w, answer)
		}
	}
}

// profiles are Go's profiles of a daemon, the index at the path given.
func profiles[D any](index string) []route[D] {
	itself := func(h http.HandlerFunc) func(D, *http.Request) (any, error) {
		return func(D, *http.Request) (any, error) { return h, nil }
	}
	return []route[D]{
		{"GET", index, itself(pprof.Index), true},
		{"GET", "/debug/pprof/cmdline", itself(pprof.Cmdline), true},
		{"GET", "/debug/pprof/profile", itself(pprof.Profile), true},
		{"GET", "/debug/pprof/symbol", itself(pprof.Symbol), true},
		{"POST", "/debug/pprof/symbol", itself(pprof.Symbol), true},
		{"GET", "/debug/pprof/heap", itself(pprof.Handler("heap").ServeHTTP), true},
		{"GET", "/debug/pprof/goroutine", itself(pprof.Handler("goroutine").ServeHTTP), true},
		{"GET", "/debug/pprof/block", itself(pprof.Handler("block").ServeHTTP), true},
		{"GET", "/debug/pprof/threadcreate", itself(pprof.Handler("threadcreate").ServeHTTP), true},
	}
}
