package history

import (
	"bytes"
	"time"
)

const (
	maxNames  = 10_000 // strings that a lineReader keeps for use again
	maxDigits = 18     // of a number that certainly fits an int64
)

// A lineReader reads lines in exactly the form that [Writer] gives them: its fields in its order, numbers in digits, and strings
// without escapes. It makes a string once, however often it stands there.
type lineReader struct {
	names map[string]string
	rest  []byte
	other bool // the line is of another form
}

// read gives the operation of a line. It is not ok if the line is of another form, in which it may be right all the same.
func (r *lineReader) read(line []byte) (op Op, ok bool) {
	r.rest, r.other = line, false
	op.Time = time.Duration(r.number(`{"t":`))
	op.Process = r.must(`,"p":"`)
	op.Type = Type(r.must(`,"type":"`))
	op.F = r.must(`,"f":"`)
	op.Node = r.may(`,"node":"`)
	op.Topic = r.may(`,"topic":"`)
	op.Channel = r.may(`,"channel":"`)
	op.Note = r.may(`,"note":"`)
	op.Error = r.may(`,"error":"`)
	op.Durability = r.may(`,"durability":"`)
	attempt := r.unsigned(`,"attempt":`)
	op.Attempt = uint16(attempt)
	op.After = time.Duration(r.signed(`,"after":`))
	op.Due = time.Duration(r.signed(`,"due":`))
	op.Count = r.signed(`,"count":`)
	op.Msg = r.unsigned(`,"msg":`)
	op.Conn = r.unsigned(`,"conn":`)
	op.Licenses = r.list(`,"licenses":["`)
	op.Ends = r.skip(`,"ends":true`)
	op.States = r.list(`,"states":["`)
	op.Clients = r.skip(`,"clients":true`)
	op.Asked = r.skip(`,"asked":true`)
	op.Lingers = time.Duration(r.signed(`,"lingers":`))
	op.Waits = r.skip(`,"waits":true`)
	return op, !r.other && uint64(op.Attempt) == attempt && string(r.rest) == "}"
}

// skip passes over a text, if it stands there.
func (r *lineReader) skip(text string) bool {
	if len(r.rest) < len(text) || string(r.rest[:len(text)]) != text {
		return false
	}
	r.rest = r.rest[len(text):]
	return true
}

// must reads a string behind its key, which has to be there.
func (r *lineReader) must(key string) string {
	if !r.skip(key) {
		r.other = true
		return ""
	}
	return r.text()
}

// may reads a string behind its key, if that is there.
func (r *lineReader) may(key string) string {
	if !r.skip(key) {
		return ""
	}
	return r.text()
}

// text reads a string up to the quote at its end.
func (r *lineReader) text() string {
	end := bytes.IndexByte(r.rest, '"')
	if end < 0 {
		r.other = true
		return ""
	}
	raw := r.rest[:end]
	r.rest = r.rest[end+1:]
	if s, ok := r.names[string(raw)]; ok {
		return s
	}
	for _, b := range raw {
		if b < ' ' || b > '~' || b == '\\' {
			r.other = true
			return ""
		}
	}
	s := string(raw)
	if len(r.names) < maxNames {
		r.names[s] = s
	}
	return s
}

func (r *lineReader) list(key string) (all []string) {
	if !r.skip(key) {
		return nil
	}
	all = append(all, r.text())
	for !r.other && r.skip(`,"`) {
		all = append(all, r.text())
	}
	if !r.skip("]") {
		r.other = true
	}
	return all
}

func (r *lineReader) signed(key string) int64 {
	if !r.skip(key) {
		return 0
	}
	return r.integer()
}

func (r *lineReader) unsigned(key string) uint64 {
	if !r.skip(key) {
		return 0
	}
	return r.digits()
}

// number reads a signed number behind its key, which has to be there.
func (r *lineReader) number(key string) int64 {
	if !r.skip(key) {
		r.other = true
		return 0
	}
	return r.integer()
}

func (r *lineReader) integer() int64 {
	if r.skip("-") {
		return -int64(r.digits())
	}
	return int64(r.digits())
}

// digits reads a number of few digits, without a zero before it.
func (r *lineReader) digits() (n uint64) {
	i := 0
	for i < len(r.rest) && '0' <= r.rest[i] && r.rest[i] <= '9' {
		n = n*10 + uint64(r.rest[i]-'0')
		i++
	}
	r.other = r.other || i == 0 || i > maxDigits || (r.rest[0] == '0' && i > 1)
	r.rest = r.rest[i:]
	return n
}
