package main

import "github.com/nsqlab/nsqlab/cmd/command"

var groups = []command.Group{
	{Title: "To listen", Flags: []string{"tcp-address", "http-address", "https-address", "broadcast-address"}},
	{Title: "Who is handed out", About: handedOut, Flags: []string{"inactive-producer-timeout", "tombstone-lifetime"}},
	{Title: "What is kept", About: kept, Flags: []string{"data-path"}},
	{Title: "TLS", About: secure, Flags: []string{"tls-cert", "tls-key", "tls-root-ca-file", "tls-client-auth-policy", "tls-required", "tls-min-version"}},
	{Title: "Log", Flags: []string{"log-level", "log-prefix", "log-file"}},
	{Title: "File of settings", About: file, Flags: []string{"config"}},
	{Title: "Other", Flags: []string{"version", "verbose"}},
}

const intro = `nsqlookupd tells consumers which nsqds have a topic: nsqds register what they have, consumers look it up by HTTP.

usage: nsqlookupd [flags]

  nsqlookupd                                               on the ports 4160 and 4161
  nsqd --lookupd-tcp-address=127.0.0.1:4160                registers with it
  curl 'http://127.0.0.1:4161/lookup?topic=greetings'      who has it
  curl 'http://127.0.0.1:4161/nodes'                       who there is

Run two or three, and give each nsqd and each consumer the addresses of all: they do not talk to each other, and one that is
gone is not missed. An nsqd registers with each anew when it comes back.

A consumer that does not want to ask again and again waits for a change: the answer to /lookup has a header X-NSQ-Index, and
/lookup?topic=greetings&index=7&wait=60s is answered when it has changed, or after that time. GET /metrics is for Prometheus.

SIGINT and SIGTERM stop nsqlookupd in order. SIGHUP opens --log-file anew and reads the TLS certificate again; no connection ends.

A flag is written -flag value, -flag=value, --flag value or --flag=value; a duration is 250ms, 30s or 1m30s.
`

const handedOut = `  An nsqd is handed out from when it registers until its connection ends. One that hangs says nothing: after the timeout it
  is handed out no more, and its connection ends. nsqd says something every 15 s.

  POST /topic/tombstone?topic=T&node=HOST:PORT hides an nsqd from those who look T up, so that T can be deleted there before
  consumers come back to it and make it again.
`

const kept = `  Upstream's nsqlookupd forgets everything when it ends. Until all nsqds are back consumers find nothing, and a topic that is
  new at an nsqd misses the channels that nobody else has. With a folder all that is registered is in nsqlookupd.dat, a second
  after it has changed at the latest, and comes back: topics and channels for ever, nsqds for a minute, in which they come back.
`

const secure = `  With a certificate an nsqd may begin its connection with TLS, on the same port; plain ones are still taken unless TLS is
  required. --tls-client-auth-policy requires it, too. HTTP stays as it is; HTTPS has a port of its own, if you give one.
`

const file = `  Each flag but config and version is a key of it, with _ for -:

    data_path = "/var/lib/nsqlookupd"
    inactive_producer_timeout = "5m"                # or an integer, in milliseconds

  A flag on the command line goes before its key. A key that is not known is an error.
`
