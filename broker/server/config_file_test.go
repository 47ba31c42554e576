package server

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// configFlags are the flags of a Config and some more of nsqd's, over the defaults.
func configFlags() (*Config, *flag.FlagSet) {
	cfg := DefaultConfig()
	fs := flag.NewFlagSet("nsqd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	level := Info
	fs.Var(&level, "log-level", "")
	fs.Bool("version", false, "")
	fs.String("config", "", "")
	cfg.Flags(fs)
	return &cfg, fs
}

// A value of a file is what the flag would have been set to.
func TestConfigValues(t *testing.T) {
	for _, c := range []struct{ text, flag, want string }{
		{`id = 7`, "node-id", "7"},
		{`id = "7"`, "node-id", "7"},
		{`id = " 010 "`, "node-id", "10"},
		{`id = 1_000`, "node-id", "1000"},
		{`max_channel_consumers = "3"`, "max-channel-consumers", "3"},
		{`msg_timeout = "1m30s"`, "msg-timeout", "1m30s"},
		{`msg_timeout = 1500`, "msg-timeout", "1.5s"},
		{`msg_timeout = "1500"`, "msg-timeout", "1.5s"},
		{`deflate = false`, "deflate", "false"},
		{`deflate = "False"`, "deflate", "false"},
		{`statsd_exclude_ephemeral = "true"`, "statsd-exclude-ephemeral", "true"},
		{`data_path = "/var/lib/nsq"`, "data-path", "/var/lib/nsq"},
		{`data_path = ""`, "data-path", ""},
		{`tls_required = true`, "tls-required", "true"},
		{`tls_required = "tcp-https"`, "tls-required", "tcp-https"},
		{`tls_min_version = "tls1.2"`, "tls-min-version", "tls1.2"},
		{`tls_min_version = ""`, "tls-min-version", "tls1.0"},
		{`log_level = "WARN"`, "log-level", "warn"},
		{`durability = "fsync"`, "durability", "fsync"},
		{`topic_durability = "a=fsync,b=os"`, "topic-durability", "a=fsync,b=os"},
		{`topic_durability = ["a=fsync", "b=os"]`, "topic-durability", "a=fsync,b=os"},
		{`nsqlookupd_tcp_addresses = ["a:1", "b:2"]`, "lookupd-tcp-address", "a:1,b:2"},
		{`nsqlookupd_tcp_addresses = "a:1, b:2"`, "lookupd-tcp-address", "a:1,b:2"},
		{`nsqlookupd_tcp_addresses = []`, "lookupd-tcp-address", ""},
		{`nsqlookupd_tcp_addresses = ""`, "lookupd-tcp-address", ""},
		{`auth_http_addresses = ["a:1"]`, "auth-http-address", "a:1"},
		{`enable_experiment = ["x"]`, "enable-experiment", "x"},
		{`e2e_processing_latency_percentiles = [0.5, 1, "0.99"]`, "e2e-processing-latency-percentile", "1,0.99,0.5"},
		{`e2e_processing_latency_percentiles = "0.5, 1.0"`, "e2e-processing-latency-percentile", "1,0.5"},
		{"# nothing\n\n", "deflate", "true"},
	} {
		_, fs := configFlags()
		if _, err := readConfig(fs, "nsqd.cfg", c.text); err != nil {
			t.Errorf("%s: %v", c.text, err)
		} else if got := fs.Lookup(c.flag).Value.String(); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.text, c.flag, got, c.want)
		}
	}
}

// What a file says wrong is refused, with its line, its key and what is wanted.
func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"\n\nmem_queue_sise = 1", `3: mem_queue_sise: unknown key; did you mean mem_queue_size?`},
		{`tcp-address = "x"`, `1: tcp-address: unknown key; did you mean tcp_address?`},
		{`node_id = 7`, `1: node_id: unknown key; did you mean id?`},
		{`lookupd_tcp_address = []`, `1: lookupd_tcp_address: unknown key; did you mean nsqlookupd_tcp_addresses?`},
		{`Data_Path = ""`, `1: Data_Path: unknown key; did you mean data_path?`},
		{`qqqqqqqqqqqqq = 1`, `1: qqqqqqqqqqqqq: unknown key`},
		{`config = "other.cfg"`, `1: config: unknown key`},
		{`version = true`, `1: version: unknown key`},
		{"\"\" = 1", `1: : unknown key`},
		{"\n[nsqd]\nid = 1", `2: nsqd: unknown key`},
		{"\n\ntls.cert.x = \"\"", `3: tls: unknown key`},
		{"id = 1\n[[data_path]]\n", `2: data_path: want a string, not a table`},
		{"id = {a = 1}", `1: id: want an integer, not a table`},
		{`id = "seven"`, `1: id: want an integer, not "seven"`},
		{`id = 7.0`, `1: id: want an integer, not 7`},
		{`id = true`, `1: id: want an integer, not true`},
		{`id = 1979-05-27`, `1: id: want an integer, not a time`},
		{`msg_timeout = "soon"`, `1: msg_timeout: want a duration such as "250ms" or "1m30s", or an integer of milliseconds, not "soon"`},
		{`msg_timeout = 9223372036854775807`, `1: msg_timeout: want a duration such as "250ms" or "1m30s", or an integer of milliseconds, not 9223372036854775807`},
		{`deflate = 0`, `1: deflate: want true or false, not 0`},
		{`deflate = "1"`, `1: deflate: want true or false, not "1"`},
		{`data_path = 1`, `1: data_path: want a string, not 1`},
		{`data_path = ["a"]`, `1: data_path: want a string, not an array`},
		{`tls_required = 1`, `1: tls_required: want true, false or a string, not 1`},
		{`tls_required = "yes"`, `1: tls_required: "yes": want true, false or tcp-https`},
		{`tls_min_version = "ssl3.0"`, `1: tls_min_version: "ssl3.0": want tls1.0, tls1.1, tls1.2 or tls1.3`},
		{`log_level = 1`, `1: log_level: want a string, not 1`},
		{`log_level = "warning"`, `1: log_level: log level "warning": want debug, info, warn, error or fatal`},
		{`nsqlookupd_tcp_addresses = 4160`, `1: nsqlookupd_tcp_addresses: want an array, or a string with commas, not 4160`},
		{`nsqlookupd_tcp_addresses = ["a:1", 4160]`, `1: nsqlookupd_tcp_addresses: want a string in it, not 4160`},
		{"deflate = true\nnsqlookupd_tcp_addresses = [\n  'a:1',\n  ['b:1'],\n]", `2: nsqlookupd_tcp_addresses: want a string in it, not an array`},
		{`e2e_processing_latency_percentiles = [0.5, 1.5]`, `1: e2e_processing_latency_percentiles: "1.5": want a number above 0 and up to 1`},
		{`e2e_processing_latency_percentiles = [true]`, `1: e2e_processing_latency_percentiles: want a number in it, not true`},
		{`e2e_processing_latency_percentiles = [nan]`, `1: e2e_processing_latency_percentiles: "NaN": want a number above 0 and up to 1`},
		{"id = 1\nid = 2", `2: Key 'id' has already been defined.`},
		{"id = 1\nmsg_timeout = 5s", `2: `},
		{"id = ", `1: `},
		{"[\"-\\", `1: invalid escape `},
	} {
		_, fs := configFlags()
		_, err := readConfig(fs, "nsqd.cfg", c.text)
		exact := !strings.HasSuffix(c.want, " ")
		if err == nil || exact && err.Error() != "nsqd.cfg:"+c.want || !strings.HasPrefix(err.Error(), "nsqd.cfg:"+c.want) {
			t.Errorf("%q: got %v, want nsqd.cfg:%s", c.text, err, c.want)
		}
	}
}

// A flag on the command line goes before the file, and the file before the default. A list is one of them whole.
func TestConfigPrecedence(t *testing.T) {
	const text = `
msg_timeout = "2s"
max_msg_size = 2000
nsqlookupd_tcp_addresses = ["file:1", "file:2"]
auth_http_addresses = ["file:3"]
e2e_processing_latency_percentiles = [0.1, 0.2]
`
	_, fs := configFlags()
	args := "--msg-timeout=3s --lookupd-tcp-address=line:1 --e2e-processing-latency-percentile=0.9 --deflate=true"
	if err := fs.Parse(strings.Fields(args)); err != nil {
		t.Fatal(err)
	}
	origins, err := readConfig(fs, "nsqd.cfg", text)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"msg-timeout": "3s", "max-msg-size": "2000", "max-body-size": "5242880",
		"lookupd-tcp-address": "line:1", "auth-http-address": "file:3", "e2e-processing-latency-percentile": "0.9",
	} {
		if got := fs.Lookup(name).Value.String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if len(origins) != 2 || origins["max-msg-size"] != "nsqd.cfg:3: max_msg_size" || origins["auth-http-address"] != "nsqd.cfg:5: auth_http_addresses" {
		t.Errorf("they stand at %v", origins)
	}
}

// What is refused at the start, though each value is one, is told of with its place in the file.
func TestConfigIsExplained(t *testing.T) {
	cfg, fs := configFlags()
	origins, err := readConfig(fs, "nsqd.cfg", "\nid = 5000\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := origins.Explain(cfg.Validate()); got == nil || got.Error() != "--node-id must be [0,1024) (nsqd.cfg:2: id)" {
		t.Error(got)
	}
	cfg.Broker.NodeID, cfg.Broker.MaxDeflateLevel = 1, 0
	if got := origins.Explain(cfg.Validate()); got == nil || got.Error() != "--max-deflate-level must be [1,9]" {
		t.Error(got)
	}
	if got := origins.Explain(nil); got != nil {
		t.Error(got)
	}
}

// The keys that are not the flag's name, of all daemons.
func TestConfigKey(t *testing.T) {
	for flag, want := range map[string]string{
		"node-id": "id", "lookupd-tcp-address": "nsqlookupd_tcp_addresses", "auth-http-address": "auth_http_addresses",
		"e2e-processing-latency-percentile": "e2e_processing_latency_percentiles", "enable-experiment": "enable_experiment",
		"lookupd-http-address": "nsqlookupd_http_addresses", "nsqd-http-address": "nsqd_http_addresses", "admin-user": "admin_users",
		"tls-min-version": "tls_min_version",
	} {
		if got := ConfigKey(flag); got != want {
			t.Errorf("%s: %s, want %s", flag, got, want)
		}
	}
}

// Every flag but two is a key, and no two flags are the same.
func TestEveryFlagIsAKey(t *testing.T) {
	_, fs := configFlags()
	fs.VisitAll(func(f *flag.Flag) {
		found := flagOf(fs, ConfigKey(f.Name))
		if f.Name == "config" || f.Name == "version" {
			if found != nil {
				t.Errorf("a file sets %s", f.Name)
			}
		} else if found != f {
			t.Errorf("%s is the key of %v, not of %s", ConfigKey(f.Name), found, f.Name)
		}
	})
}

func TestConfigFilesThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, []byte(strings.Repeat("#", maxConfigFile+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(folder, "none"): "no such file or directory", folder: "is a directory", large: "more than 131072 bytes",
	} {
		_, fs := configFlags()
		_, err := ReadConfigFile(fs, name)
		if err == nil || !strings.HasPrefix(err.Error(), "failed to load config file "+name+" - ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzConfig: whatever the file is, it is refused with its line, or the settings are usable, or it is told what in the file makes them not so.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"", "id = 7", "id = 5000\nmsg_timeout = -1", "a.b = 1", "[a]\nb = 1", "[[id]]", "x = '''\n'''", "tls_required = true", "tls_cert = 'x'",
		"nsqlookupd_tcp_addresses = 'a:1,b'", "e2e_processing_latency_percentiles = [1, inf]", "deflate = {}", "\"\" = 1", "\xff", "id = 1\r\n",
		"statsd_address = ':1'\nstatsd_interval = 0", "auth_http_addresses = ['ftp://x']", "auth_http_request_method = 'put'", "broadcast_tcp_port = 70000",
	} {
		f.Add(seed)
	}
	located := regexp.MustCompile(`^nsqd\.cfg:[1-9]\d*: `)
	f.Fuzz(func(t *testing.T, text string) {
		cfg, fs := configFlags()
		origins, err := readConfig(fs, "nsqd.cfg", text)
		if err != nil {
			if !located.MatchString(err.Error()) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		err = cfg.Validate()
		if err == nil || err.Error() == "cannot require TLS client connections without TLS key and cert" {
			return
		}
		if explained := origins.Explain(err); !strings.Contains(explained.Error(), " (nsqd.cfg:") {
			t.Errorf("%q: %v is not explained", text, err)
		}
	})
}
