package httpapi

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
)

// setBlockRate answers PUT /debug/setblockrate?rate=: of goroutines that block one is sampled for every so many nanoseconds, for
// /debug/pprof/block; 0 ends that. Unlike nsqd, which does it and answers 500, it answers 200.
func (d *nsqd) setBlockRate(r *http.Request) (any, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	rate, err := strconv.Atoi(q.Get("rate"))
	if err != nil {
		return nil, refusal{http.StatusBadRequest, "invalid block rate : " + err.Error()}
	}
	runtime.SetBlockProfileRate(rate)
	return nil, nil
}

// freeMemory answers POST /debug/freememory: what memory the daemon does not need it gives back. It answers 200 as setBlockRate does.
func (d *nsqd) freeMemory(*http.Request) (any, error) {
	debug.FreeOSMemory()
	return nil, nil
}
