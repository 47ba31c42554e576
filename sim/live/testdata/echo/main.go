// Echo is a stand-in for nsqd in tests: its TCP port sends back what it gets, and its HTTP port answers
//
//	/ping    OK
//	/starts  how often it was started with this data path
//	/pid     its process
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

func main() {
	tcp := flag.String("tcp-address", "", "")
	web := flag.String("http-address", "", "")
	data := flag.String("data-path", "", "")
	fail := flag.String("fail", "", "what to say before ending at once")
	flag.Int("node-id", 0, "")
	flag.String("broadcast-address", "", "")
	flag.Parse()
	log.SetFlags(0)
	if *fail != "" {
		log.Fatal(*fail)
	}
	starts := filepath.Join(*data, "starts")
	before, _ := os.ReadFile(starts)
	if err := os.WriteFile(starts, append(before, '.'), 0o600); err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *tcp)
	if err != nil {
		log.Fatal(err)
	}
	go serve(l)
	http.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "OK") })
	http.HandleFunc("/starts", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, len(before)+1) })
	http.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	log.Fatal(http.ListenAndServe(*web, nil))
}

func serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
}
