package httpapi

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
)

var (
	errBadBody    = refusal{http.StatusRequestEntityTooLarge, "BAD_BODY"}
	errBadMessage = refusal{http.StatusRequestEntityTooLarge, "BAD_MESSAGE"}
)

// mpub answers POST /mpub?topic=&binary=&defer=: it publishes the messages in the body, all or none. OK says that the topic has
// them. They are the lines of the body or, in binary, a number and as many messages with their lengths. All are held back as
// long as defer says, which nsqd does not know.
func (d *nsqd) mpub(r *http.Request) (any, error) {
	if r.ContentLength > d.opts.MaxBodySize {
		return nil, errBodyTooBig
	}
	q, name, err := d.publishedTopic(r)
	if err != nil {
		return nil, err
	}
	deferral, err := d.deferral(q)
	if err != nil {
		return nil, err
	}
	body, readErr := io.ReadAll(io.LimitReader(r.Body, d.opts.MaxBodySize+1))
	var messages [][]byte
	if switched(q, "binary", q.Has("binary")) {
		messages, err = d.splitBinary(body)
	} else {
		messages, err = d.splitLines(body, readErr)
	}
	if err != nil || len(messages) == 0 {
		return "OK", err
	}
	return "OK", d.publish(name, deferral, messages...)
}

// splitLines gives the lines of a body that are not empty. The first that is wrong is what is told; readErr stands where the body
// broke off.
func (d *nsqd) splitLines(body []byte, readErr error) (messages [][]byte, err error) {
	for rest := body; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		rest = after
		switch {
		case !ended && readErr != nil:
			return nil, errInternal
		case len(rest) == 0 && int64(len(body)) > d.opts.MaxBodySize:
			return nil, errBodyTooBig
		case int64(len(line)) > d.opts.MaxMsgSize:
			return nil, errMessageTooBig
		case len(line) > 0:
			messages = append(messages, line)
		}
	}
	if readErr != nil {
		return nil, errInternal
	}
	return messages, nil
}

// splitBinary gives the messages of a binary body; what follows them is ignored. Unlike in nsqd no body may be larger than
// max-body-size, also one that does not tell its length before.
func (d *nsqd) splitBinary(body []byte) ([][]byte, error) {
	if int64(len(body)) > d.opts.MaxBodySize {
		return nil, errBodyTooBig
	}
	count, rest, ok := cutInt32(body)
	if !ok || count <= 0 || int64(count) > (d.opts.MaxBodySize-4)/5 {
		return nil, errBadBody
	}
	messages := make([][]byte, 0, min(int(count), len(rest)/5))
	for range count {
		size, after, ok := cutInt32(rest)
		if !ok || size <= 0 || int64(size) > d.opts.MaxMsgSize || int(size) > len(after) {
			return nil, errBadMessage
		}
		messages = append(messages, after[:size])
		rest = after[size:]
	}
	return messages, nil
}

// cutInt32 takes a big-endian number off the front.
func cutInt32(p []byte) (n int32, rest []byte, ok bool) {
	if len(p) < 4 {
		return 0, nil, false
	}
	return int32(binary.BigEndian.Uint32(p)), p[4:], true
}
