package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/server"
)

// upstreamFlags are the flags of upstream's nsqd with their defaults; * is that of the host.
const upstreamFlags = `
version=false config= log-level=info log-prefix=[nsqd]_ verbose=false node-id=* worker-id=false
tcp-address=0.0.0.0:4150 http-address=0.0.0.0:4151 https-address=0.0.0.0:4152
broadcast-address=* broadcast-tcp-port=0 broadcast-http-port=0 lookupd-tcp-address=
auth-http-address= auth-http-request-method=get http-client-connect-timeout=2s http-client-request-timeout=5s
topology-region= topology-zone= enable-experiment=
data-path= mem-queue-size=10000 max-bytes-per-file=104857600 sync-every=2500 sync-timeout=2s
queue-scan-worker-pool-max=4 queue-scan-selection-count=20
msg-timeout=1m0s max-msg-timeout=15m0s max-msg-size=1048576 max-body-size=5242880 max-req-timeout=1h0m0s
max-heartbeat-interval=1m0s max-rdy-count=2500 max-output-buffer-size=65536 max-output-buffer-timeout=30s
min-output-buffer-timeout=25ms output-buffer-timeout=250ms max-channel-consumers=0
statsd-address= statsd-interval=1m0s statsd-mem-stats=true statsd-prefix=nsq.%s statsd-udp-packet-size=508 statsd-exclude-ephemeral=false
e2e-processing-latency-percentile= e2e-processing-latency-window-time=10m0s
tls-cert= tls-key= tls-client-auth-policy= tls-root-ca-file= tls-required=false tls-min-version=tls1.0
deflate=true max-deflate-level=6 snappy=true`

// Every flag of upstream is there, with its default, and reads what it prints.
func TestUpstreamFlags(t *testing.T) {
	s := server.DefaultConfig()
	fs := newCommand(&s).FlagSet()
	for _, word := range strings.Fields(upstreamFlags) {
		name, want, _ := strings.Cut(word, "=")
		f := fs.Lookup(name)
		if f == nil {
			t.Errorf("--%s is not there", name)
			continue
		}
		if want = strings.ReplaceAll(want, "_", " "); want != "*" && f.DefValue != want {
			t.Errorf("--%s is %q by default, want %q", name, f.DefValue, want)
		}
		if f.DefValue == "" && name != "config" {
			continue // a list, or a word that may be empty
		}
		if err := f.Value.Set(f.DefValue); err != nil {
			t.Errorf("--%s: %v", name, err)
		}
	}
}

// A file that has each key of upstream's loads unchanged, and leaves each flag as it says.
func TestUpstreamConfigFile(t *testing.T) {
	const file = "testdata/nsqd.cfg"
	s := server.DefaultConfig()
	fs := newCommand(&s).FlagSet()
	origins, err := server.ReadConfigFile(fs, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	differs := map[string]string{
		"node-id": "513", "broadcast-address": "nsqd-1.example.com", "broadcast-tcp-port": "4150", "broadcast-http-port": "4151",
		"lookupd-tcp-address": "127.0.0.1:4160,127.0.0.1:5160", "e2e-processing-latency-percentile": "1,0.99,0.95",
	}
	for _, word := range strings.Fields(upstreamFlags) {
		name, want, _ := strings.Cut(word, "=")
		if name == "version" || name == "config" {
			continue
		}
		if other, ok := differs[name]; ok {
			want = other
		}
		if got := fs.Lookup(name).Value.String(); got != strings.ReplaceAll(want, "_", " ") {
			t.Errorf("--%s is %q, want %q", name, got, want)
		}
		if !strings.HasPrefix(origins[name], file+":") {
			t.Errorf("%s does not set --%s", file, name)
		}
	}
	if want := (broker.Percentiles{1, 0.99, 0.95}); !slices.Equal(s.Broker.LatencyPercentiles, want) {
		t.Errorf("percentiles %v", s.Broker.LatencyPercentiles)
	}
}

// A unit is what a systemd unit says, without its sections: the last value of each key.
type unit map[string]string

func readUnit(t *testing.T, file string) unit {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	u := unit{}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			u[key] = value
		}
	}
	return u
}

// words are those of a command line of the unit, as systemd makes them: $X becomes the words of X, ${X} becomes X within a word.
func (u unit) words(key string, environment map[string]string) (words []string) {
	braces := regexp.MustCompile(`\$\{(\w+)\}`)
	for _, word := range strings.Fields(u[key]) {
		if name, ok := strings.CutPrefix(word, "$"); ok && !strings.HasPrefix(name, "{") {
			words = append(words, strings.Fields(environment[name])...)
			continue
		}
		words = append(words, braces.ReplaceAllStringFunc(word, func(s string) string { return environment[s[2:len(s)-1]] }))
	}
	return words
}

// A systemd unit and a config file that were written for upstream start ours. Only the folders are the test's, and what the environment file
// adds: ports that are free.
func TestUpstreamUnit(t *testing.T) {
	u := readUnit(t, "testdata/nsqd.service")
	folder := t.TempDir()
	config, err := filepath.Abs("testdata/nsqd.cfg")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range u {
		u[key] = strings.NewReplacer("/etc/nsq/nsqd.cfg", config, "/var/lib/nsq", folder).Replace(value)
	}
	start := u.words("ExecStart", map[string]string{
		"NSQD_OPTS": "--tcp-address=127.0.0.1:0 --http-address=127.0.0.1:0 --mem-queue-size=0",
		"HOSTNAME":  "nsqd-2.example.com",
	})
	if filepath.Base(start[0]) != "nsqd" || u["Type"] != "simple" || u["KillSignal"] != "SIGTERM" {
		t.Fatalf("the unit is %q", u)
	}
	log := filepath.Join(folder, "log")
	d, err := launchLogged(u["WorkingDirectory"], log, start[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.cmd.Process.Kill() }()
	reload := u.words("ExecReload", map[string]string{"MAINPID": strconv.Itoa(d.cmd.Process.Pid)})
	if out, err := exec.Command("sh", "-c", strings.TrimPrefix(strings.Join(reload, " "), "/bin/")).CombinedOutput(); err != nil {
		t.Errorf("%s: %v %s", reload, err, out)
	}
	if text, ok := seen(log, regexp.MustCompile(`INFO: reloaded\n`)); !ok {
		t.Errorf("it was not reloaded:\n%s", text)
	}
	s := &siege{t: t, tcp: d.tcp}
	l, err := s.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Write([]byte("PUB orders\n\x00\x00\x00\x05hello")); err != nil {
		t.Error(err)
	}
	if f, err := l.next(); err != nil || string(f.Data) != "OK" {
		t.Errorf("%s %v", f.Data, err)
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := d.wait(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`INFO: node id: 513\n`, `INFO: signal: terminated\n`, `INFO: 1 messages are kept on disk\n`, `INFO: bye\n$`} {
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("the log does not say %q:\n%s", want, text)
		}
	}
	// The nsqlookupds of the unit are not there.
	if regexp.MustCompile(`(ERROR|FATAL): [^L]`).Match(text) || d.log.Len() > 0 {
		t.Errorf("the log is\n%s%s", text, d.log.String())
	}
	if files, err := filepath.Glob(filepath.Join(folder, "orders.*")); err != nil || len(files) == 0 {
		t.Errorf("nothing is kept in %s: %v", folder, err)
	}
}

// A flag is written as Go's are, with one dash or two.
func TestFlagSyntax(t *testing.T) {
	s := server.DefaultConfig()
	if err := newCommand(&s).FlagSet().Parse([]string{"-tls-required", "-deflate=false", "--msg-timeout", "5s"}); err != nil {
		t.Fatal(err)
	}
	if s.TLS.Required != server.TLSRequired || s.Broker.Deflate || s.Broker.MsgTimeout.Seconds() != 5 {
		t.Errorf("%+v", s)
	}
	if err := newCommand(&s).FlagSet().Parse([]string{"--help"}); err != flag.ErrHelp {
		t.Error(err)
	}
}
