package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What net/http sees to, byte by byte: bodies in chunks, connections that go on, and what is not HTTP. go-nsq relies on the last: it takes a
// 400 for the answer of an HTTP port.
func TestHTTPOnTheWire(t *testing.T) {
	d := startNsqd(t, func(c *Config) { c.Broker.MaxMsgSize = 100 })
	for _, c := range []struct {
		name, says string
		want       []string // status and body of each answer
	}{
		{"chunks", "POST /pub?topic=t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", []string{"200 OK"}},
		{"too much in chunks", "POST /pub?topic=t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + strings.Repeat("x", 101) + "\r\n0\r\n\r\n",
			[]string{`413 {"message":"MSG_TOO_BIG"}`}},
		{"chunks that are none", "POST /pub?topic=t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", []string{`500 {"message":"INTERNAL_ERROR"}`}},
		{"a body declared too large, of which nothing comes", "POST /pub?topic=t HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", []string{`413 {"message":"MSG_TOO_BIG"}`}},
		{"one request after another", "POST /pub?topic=t HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nm" +
			"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\nHEAD /ping HTTP/1.1\r\nHost: h\r\n\r\nGET /ping HTTP/1.1\r\nHost: h\r\n\r\n",
			[]string{"200 OK", `404 {"message":"NOT_FOUND"}`, "405 ", "200 OK"}},
		{"HTTP/1.0", "GET /ping HTTP/1.0\r\n\r\n", []string{"200 OK"}},
		{"no host", "GET /ping HTTP/1.1\r\n\r\n", []string{"400 400 Bad Request: missing required Host header"}},
		{"NSQ's protocol", "  V2IDENTIFY\n\x00\x00\x00\x02{}", []string{"400 400 Bad Request"}},
		{"garbage", "\x16\x03\x01\x00\xff garbage\r\n\r\n", []string{"400 400 Bad Request"}},
		{"a very long header", "GET /ping HTTP/1.1\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", []string{"431 431 Request Header Fields Too Large"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", d.HTTPAddr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patienceOfTests)); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(conn, c.says) }() // it may be cut off
			answers := bufio.NewReader(conn)
			for _, want := range c.want {
				method := "GET"
				if strings.HasPrefix(want, "405") {
					method = "HEAD"
				}
				answer, err := http.ReadResponse(answers, &http.Request{Method: method})
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprintf("%d %s", answer.StatusCode, body); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
	if got := get(t, d, "/ping"); got != "OK" {
		t.Errorf("afterwards: %s", got)
	}
}

// A body that ends too soon is not published.
func TestHTTPBodyCutOff(t *testing.T) {
	d := startNsqd(t, nil)
	for _, path := range []string{"/pub?topic=t", "/mpub?topic=t", "/mpub?topic=t&binary=1", "/config/log_level"} {
		conn, err := net.Dial("tcp", d.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		method := "POST"
		if strings.HasPrefix(path, "/config") {
			method = "PUT"
		}
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n\x00\x00\x00\x01\x00\x00\x00\x14whole\nhalf", method, path)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		conn.Close()
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 500 ") && !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") {
			t.Errorf("%s: %v %q", path, err, answer)
		}
	}
	if held := d.broker.Held(); held != 0 {
		t.Errorf("%d messages were published", held)
	}
}
