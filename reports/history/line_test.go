package history

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// plain is an operation with every field that the Writer's form has without escapes.
func plain() Op {
	op := full()
	op.Note, op.Error = "delay: b1, by: 20ms", "why"
	return op
}

// TestOwnForm has the lines that the Writer writes read without encoding/json, but for those with escapes.
func TestOwnForm(t *testing.T) {
	r := lineReader{names: map[string]string{}}
	whole := reflect.ValueOf(plain())
	for i := range whole.NumField() {
		var op Op
		reflect.ValueOf(&op).Elem().Field(i).Set(whole.Field(i))
		if got, ok := r.read(appendOp(nil, &op)); !ok || !reflect.DeepEqual(got, op) {
			t.Errorf("field %s: read %+v, %v", whole.Type().Field(i).Name, got, ok)
		}
	}
	want := plain()
	for range 2 { // the second time its strings are known
		if got, ok := r.read(appendOp(nil, &want)); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v, want %+v", got, ok, want)
		}
	}
	escaped := full()
	if got, ok := r.read(appendOp(nil, &escaped)); ok {
		t.Errorf("a line with escapes was read as %+v", got)
	}
}

// FuzzLine has every line that is read in the Writer's form mean what encoding/json takes it for.
func FuzzLine(f *testing.F) {
	op := plain()
	f.Add(appendOp(nil, &op))
	for _, line := range []string{
		`{"t":1,"p":"","type":"","f":""}`, `{"t":-1,"p":"a","type":"ok","f":"pub","attempt":65536}`, `{"t":01,"p":"a","type":"ok","f":"pub"}`,
		`{"t":1,"p":"a","type":"ok","f":"pub","msg":18446744073709551615}`, `{"t":1,"p":"a","type":"ok","f":"pub","msg":-1}`, `{"t":1,"p":"a\"","type":"ok","f":"x"}`,
		`{"t":1e3,"p":"a","type":"ok","f":"pub"}`, `{"t":-,"p":"a","type":"ok","f":"pub"}`, `{"t":1,"p":"a","type":"ok","f":"pub","licenses":["a","b"]} `, `{"t":1,"p":"nemesis","type":"invoke","f":"kill","ends":true,"states":["a"]}`, `{"t":1,"p":"a","type":"ok","f":"pub","states":[]}`, `{"t":1,"p":"é","type":"ok","f":"pub","licenses":[]}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r := lineReader{names: map[string]string{}}
		for range 2 {
			got, ok := r.read(line)
			if !ok {
				continue
			}
			var want Op
			if err := json.Unmarshal(line, &want); err != nil {
				t.Fatalf("%q was read as %+v; encoding/json says %v", line, got, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%q was read as\n%+v, encoding/json reads\n%+v", line, got, want)
			}
			again, ok := r.read(appendOp(nil, &got))
			if !ok || !reflect.DeepEqual(again, got) {
				t.Fatalf("%+v was written and read as %+v, %v", got, again, ok)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	op := full()
	op.Note, op.Error, op.Licenses = "", "", nil
	var buf bytes.Buffer
	w, err := NewWriter(&buf, Header{})
	if err != nil {
		b.Fatal(err)
	}
	for range 100_000 {
		if err := w.Write(op); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(buf.Len() / 100_000))
	b.ResetTimer()
	for done := 0; done < b.N; {
		_, ops, err := Read(bytes.NewReader(buf.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		for got, err := range ops {
			if err != nil || got.Msg != op.Msg {
				b.Fatal(got, err)
			}
			if done++; done == b.N {
				break
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}
