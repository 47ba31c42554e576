package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
)

const (
	version = 1
	maxLine = 8 << 20 // bytes of a line: a header has a scenario's file in it, of 1 MiB at the most
)

// A Writer writes a history's file as things happen.
type Writer struct {
	w   *bufio.Writer
	buf []byte
}

// NewWriter begins a history with its header.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Version = version
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("history: header: %w", err)
	}
	out := &Writer{w: bufio.NewWriterSize(w, 64<<10)}
	_, err = out.w.Write(append(line, '\n'))
	return out, err
}

// Write adds an operation.
func (w *Writer) Write(op Op) error {
	w.buf = append(appendOp(w.buf[:0], &op), '\n')
	_, err := w.w.Write(w.buf)
	return err
}

// Flush writes out what is buffered. A history that was not flushed has no end.
func (w *Writer) Flush() error { return w.w.Flush() }

// appendOp appends an operation as encoding/json would write it, without reflection.
func appendOp(dst []byte, op *Op) []byte {
	dst = strconv.AppendInt(append(dst, `{"t":`...), int64(op.Time), 10)
	dst = appendString(append(dst, `,"p":`...), op.Process)
	dst = appendString(append(dst, `,"type":`...), string(op.Type))
	dst = appendString(append(dst, `,"f":`...), op.F)
	for _, s := range [...]struct{ key, value string }{
		{`,"node":`, op.Node}, {`,"topic":`, op.Topic}, {`,"channel":`, op.Channel}, {`,"note":`, op.Note}, {`,"error":`, op.Error}, {`,"durability":`, op.Durability},
	} {
		if s.value != "" {
			dst = appendString(append(dst, s.key...), s.value)
		}
	}
	for _, n := range [...]struct {
		key   string
		value int64
	}{
		{`,"attempt":`, int64(op.Attempt)}, {`,"after":`, int64(op.After)}, {`,"due":`, int64(op.Due)}, {`,"count":`, op.Count},
	} {
		if n.value != 0 {
			dst = strconv.AppendInt(append(dst, n.key...), n.value, 10)
		}
	}
	if op.Msg != 0 {
		dst = strconv.AppendUint(append(dst, `,"msg":`...), op.Msg, 10)
	}
	if op.Conn != 0 {
		dst = strconv.AppendUint(append(dst, `,"conn":`...), op.Conn, 10)
	}
	dst = appendList(dst, `,"licenses":[`, op.Licenses)
	if op.Ends {
		dst = append(dst, `,"ends":true`...)
	}
	dst = appendList(dst, `,"states":[`, op.States)
	if op.Clients {
		dst = append(dst, `,"clients":true`...)
	}
	if op.Asked {
		dst = append(dst, `,"asked":true`...)
	}
	if op.Lingers != 0 {
		dst = strconv.AppendInt(append(dst, `,"lingers":`...), int64(op.Lingers), 10)
	}
	if op.Waits {
		dst = append(dst, `,"waits":true`...)
	}
	return append(dst, '}')
}

// appendList appends a list of strings behind its key, if it is not empty.
func appendList(dst []byte, key string, all []string) []byte {
	if len(all) == 0 {
		return dst
	}
	dst = append(dst, key...)
	for i, s := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if b := s[i]; b < ' ' || b > '~' || b == '"' || b == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always marshals
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// Read reads a history's header, and gives its operations, which can be ranged over once. An error says in which line. A last line
// that was cut off is left out.
func Read(r io.Reader) (Header, iter.Seq2[Op, error], error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	torn := false // the line at hand has no end
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, line, err := bufio.ScanLines(data, atEOF)
		torn = n > 0 && data[n-1] != '\n'
		return n, line, err
	})
	var h Header
	if !lines.Scan() {
		err := lines.Err()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return h, nil, fmt.Errorf("history: line 1: no header: %w", err)
	}
	if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
		return h, nil, fmt.Errorf("history: line 1: header: %w", err)
	}
	if h.Version != version {
		return h, nil, fmt.Errorf("history: line 1: nsqlab_history is %d, want %d", h.Version, version)
	}
	return h, func(yield func(Op, error) bool) {
		r := lineReader{names: map[string]string{}}
		for n := 2; lines.Scan(); n++ {
			op, ok := r.read(lines.Bytes())
			var err error
			if !ok {
				var other Op
				if err = json.Unmarshal(lines.Bytes(), &other); err != nil {
					if torn && !lines.Scan() {
						return // a run that was killed ends so; it has no end, which its judge tells
					}
					err = fmt.Errorf("history: line %d: %w", n, err)
				}
				op = other
			}
			if !yield(op, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Op{}, fmt.Errorf("history: %w", err))
		}
	}, nil
}
