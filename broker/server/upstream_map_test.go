package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A held behaviour is one that a test of nsqd's holds it to.
type held struct {
	name  string // of nsqd's test, in short
	both  bool   // it is shown on TCP and on a unix socket
	shown string // by these tests, benchmarks and fuzzers, with their package, and conversations
	lacks string // or: what is not there yet that it needs
}

// protocolTests are those of nsqd's protocol.
var protocolTests = []held{
	{name: "ChannelTopicNames", shown: "server.TestA1ChannelTopicNames wire.FuzzValidName pub.txt sub.txt"},
	{name: "BasicV2", both: true, shown: "server.TestA1BasicV2 sub.txt"},
	{name: "MultipleConsumerV2", both: true, shown: "server.TestA1MultipleConsumerV2 fanout.txt"},
	{name: "SameZoneConsumerV2", shown: "topology.txt"},
	{name: "ClientTimeout", both: true, shown: "server.TestA1ClientTimeout server.TestSilentClientIsDisconnected heartbeat.txt"},
	{name: "ClientHeartbeat", both: true, shown: "server.TestA1ClientHeartbeat server.TestHeartbeatsForTenMinutes heartbeat.txt"},
	{name: "ClientHeartbeatDisableSUB", both: true, shown: "server.TestA1ClientHeartbeatDisableSUB sub.txt"},
	{name: "ClientHeartbeatDisable", both: true, shown: "server.TestA1ClientHeartbeatDisable heartbeat.txt"},
	{name: "MaxHeartbeatIntervalValid", both: true, shown: "server.TestA1MaxHeartbeatIntervalValid identify.txt"},
	{name: "MaxHeartbeatIntervalInvalid", both: true, shown: "server.TestA1MaxHeartbeatIntervalInvalid identify.txt"},
	{name: "Pausing", both: true, shown: "server.TestA1Pausing pause.txt"},
	{name: "EmptyCommand", both: true, shown: "server.TestA1EmptyCommand protocol.txt"},
	{name: "SizeLimits", both: true, shown: "server.TestA1SizeLimits limits.txt"},
	{name: "DPUB", both: true, shown: "server.TestA1DPUB dpub.txt"},
	{name: "Touch", both: true, shown: "server.TestA1Touch touch.txt"},
	{name: "MaxRdyCount", both: true, shown: "server.TestA1MaxRdyCount rdy.txt"},
	{name: "FatalError", both: true, shown: "server.TestA1FatalError protocol.txt"},
	{name: "OutputBuffering", both: true, shown: "server.TestA1OutputBuffering output_buffer.txt"},
	{name: "OutputBufferingValidity", both: true, shown: "server.TestA1OutputBufferingValidity identify.txt"},
	{name: "TLS", both: true, shown: "server.TestA1TLS server.TestLayersCarryAll"},
	{name: "TLSRequired", both: true, shown: "server.TestTLSRequired upgrade.txt"},
	{name: "TLSAuthRequire", both: true, shown: "server.TestTLSClientPolicies"},
	{name: "TLSAuthRequireVerify", both: true, shown: "server.TestTLSClientPolicies"},
	{name: "Deflate", both: true, shown: "server.TestA1Deflate server.TestLayersCarryAll"},
	{name: "Snappy", both: true, shown: "server.TestA1Snappy server.TestLayersCarryAll"},
	{name: "TLSDeflate", both: true, shown: "server.TestA1TLSDeflate server.TestLayersCarryAll"},
	{name: "TLSSnappy", both: true, shown: "server.TestA1TLSSnappy server.TestLayersCarryAll"},
	{name: "Sampling", both: true, shown: "server.TestA1Sampling broker.TestSampleRate"},
	{name: "ClientMsgTimeout", both: true, shown: "server.TestA1ClientMsgTimeout timeout.txt"},
	{name: "BadFin", both: true, shown: "server.TestA1BadFin fin.txt"},
	{name: "ReqTimeoutRange", both: true, shown: "server.TestA1ReqTimeoutRange req.txt"},
	{name: "ClientAuth", both: true, shown: "server.TestClientAuth server.TestGoNSQAuth auth.txt authorizations.txt"},
	{name: "IOLoopReturnsClientErrWhenSendFails", both: true, shown: "server.TestA1IOLoopReturnsClientErrWhenSendFails"},
	{name: "IOLoopReturnsClientErrWhenSendSucceeds", both: true, shown: "server.TestA1IOLoopReturnsClientErrWhenSendSucceeds"},
}

// webTests are those of nsqd's HTTP API.
var webTests = []held{
	{name: "Pub", shown: "server.TestA2Pub httpapi.TestPub"},
	{name: "PubEmpty", shown: "server.TestA2PubEmpty httpapi.TestPub"},
	{name: "MPub", shown: "server.TestA2MPub httpapi.TestMPub"},
	{name: "MPubEmpty", shown: "server.TestA2MPubEmpty httpapi.TestMPub"},
	{name: "MPubBinary", shown: "server.TestA2MPubBinary httpapi.TestMPub"},
	{name: "MPubForNonNormalizedBinaryParam", shown: "server.TestA2MPubUnknownBinary httpapi.TestMPub"},
	{name: "PubDefer", shown: "server.TestA2PubDefer httpapi.TestPub"},
	{name: "HTTPSRequire", shown: "server.TestHTTPS"},
	{name: "HTTPSRequireVerify", shown: "server.TestHTTPS"},
	{name: "TLSRequireVerifyExceptHTTP", shown: "server.TestHTTPS"},
	{name: "V1TopicChannel", shown: "server.TestA2V1TopicChannel httpapi.TestTopicEndpoints httpapi.TestChannelEndpoints httpapi.TestRules"},
	{name: "ClientStats", shown: "server.TestA2ClientStats httpapi.TestStatsNulls"},
	{name: "GetStatusJSON", shown: "server.TestA2GetStatusJSON httpapi.TestStatsNulls"},
	{name: "GetStatusText", shown: "httpapi.TestStatsText"},
	{name: "Config", shown: "server.TestConfigTellsOptions httpapi.TestExchanges"},
	{name: "Errors", shown: "server.TestA2Errors httpapi.TestRules"},
	{name: "DeleteTopic", shown: "server.TestA2DeleteTopic httpapi.TestTopicEndpoints"},
	{name: "EmptyTopic", shown: "server.TestA2EmptyTopic httpapi.TestTopicEndpoints"},
	{name: "EmptyChannel", shown: "server.TestA2EmptyChannel httpapi.TestChannelEndpoints"},
	{name: "Info", shown: "server.TestA2Info httpapi.TestInfo"},
}

// coreTests are those of what lies below, in nsqd, its topics, its channels and its heaps.
var coreTests = []held{
	{name: "Startup", shown: "server.TestA3Startup server.TestStartAgain"},
	{name: "EphemeralTopicsAndChannels", shown: "server.TestA3EphemeralTopicsAndChannels ephemeral.txt"},
	{name: "PauseMetadata", shown: "server.TestA3PauseMetadata store.TestMetadataFormat"},
	{name: "Reconfigure", shown: "server.TestRegistration"},
	{name: "Cluster", shown: "server.TestRegistration"},
	{name: "SetHealth", shown: "httpapi.TestPing httpapi.TestFullDisk broker.TestA3Health"},
	{name: "UnixSocketStartup", shown: "server.TestUnixSockets"},
	{name: "PutMessage", shown: "sub.txt"},
	{name: "PutMessage2Chan", shown: "fanout.txt"},
	{name: "InFlightWorker", shown: "broker.TestA3InFlightWorker timeout.txt"},
	{name: "ChannelEmpty", shown: "empty.txt"},
	{name: "ChannelEmptyConsumer", shown: "empty.txt"},
	{name: "MaxChannelConsumers", shown: "sub.txt"},
	{name: "ChannelHealth", shown: "broker.TestA3Health httpapi.TestFullDisk"},
	{name: "Health", shown: "broker.TestA3Health httpapi.TestFullDisk httpapi.TestPing"},
	{name: "GetTopic", shown: "httpapi.TestTopicEndpoints"},
	{name: "GetChannel", shown: "httpapi.TestChannelEndpoints"},
	{name: "Deletes", shown: "delete.txt"},
	{name: "DeleteLast", shown: "delete.txt"},
	{name: "Pause", shown: "pause.txt httpapi.TestTopicEndpoints"},
	{name: "Stats", shown: "httpapi.TestStatsGolden httpapi.TestStatsNulls"},
	{name: "ClientAttributes", shown: "httpapi.TestStatsOfUpgradedClients"},
	{name: "StatsChannelLocking", shown: "server.TestA3StatsChannelLocking broker.TestRace"},
	{name: "GUID", shown: "broker.BenchmarkPubDeliverFin"},
	{name: "InFlightHeap", shown: "broker.TestA3Heaps broker.TestMemoryIsGivenBack"},
	{name: "GenericHeap", shown: "broker.TestA3Heaps broker.TestMemoryIsGivenBack"},
}

// lookupdTests are those of nsqlookupd.
var lookupdTests = []held{
	{name: "Ping", shown: "server.TestA4Ping lookup/http.txt"},
	{name: "Info", shown: "server.TestA4Info lookup/http.txt"},
	{name: "CreateTopic", shown: "server.TestA4CreateTopic lookup/http.txt"},
	{name: "DeleteTopic", shown: "server.TestA4DeleteTopic lookup/http.txt"},
	{name: "GetChannels", shown: "server.TestA4GetChannels lookup/http.txt"},
	{name: "CreateChannel", shown: "server.TestA4CreateChannel lookup/http.txt"},
	{name: "DeleteChannel", shown: "server.TestA4DeleteChannel lookup/http.txt"},
	{name: "BasicLookupd", shown: "server.TestA4BasicLookupd lookup/registry.txt"},
	{name: "ChannelUnregister", shown: "server.TestA4ChannelUnregister lookup/registry.txt"},
	{name: "TombstoneRecover", shown: "server.TestA4TombstoneRecover lookup/tombstone.txt"},
	{name: "TombstoneUnregister", shown: "server.TestA4TombstoneUnregister lookup/tombstone.txt"},
	{name: "InactiveNodes", shown: "server.TestA4InactiveNodes lookup/silence.txt"},
	{name: "TombstonedNodes", shown: "server.TestA4TombstonedNodes lookup/tombstone.txt"},
	{name: "RegistrationDB", shown: "lookup/registry.txt lookup/silence.txt lookup/tombstone.txt"},
	{name: "IOLoopReturnsClientErrWhenSendFails", shown: "server.TestA4IOLoopReturnsClientErrWhenSendFails lookup/protocol.txt"},
	{name: "IOLoopReturnsClientErrWhenSendSucceeds", shown: "server.TestA4IOLoopReturnsClientErrWhenSendSucceeds lookup/protocol.txt"},
}

// tested are the functions of tests, benchmarks and fuzzers below broker, by package and name; and the names of conversations.
func tested(t *testing.T) (functions map[string]*ast.FuncDecl, conversations []string) {
	functions = map[string]*ast.FuncDecl{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				functions[strings.TrimSuffix(file.Name.Name, "_test")+"."+f.Name.Name] = f
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, prefix := range map[string]string{"../testdata": "", "../lookup/testdata": "lookup/"} {
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			conversations = append(conversations, prefix+f.Name())
		}
	}
	return functions, conversations
}

// callsOnBoth says whether a test runs on TCP and on a unix socket.
func callsOnBoth(f *ast.FuncDecl) (calls bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			name, ok := call.Fun.(*ast.Ident)
			calls = calls || ok && name.Name == "onBoth"
		}
		return true
	})
	return calls
}

// wrongWith says what is not so of a line of the table.
func (h held) wrongWith(part string, functions map[string]*ast.FuncDecl, conversations []string) (wrong []string) {
	own := functions["server.Test"+part+h.name]
	if own == nil {
		own = functions["broker.Test"+part+h.name]
	}
	if h.lacks != "" {
		if own != nil || h.shown != "" || h.both {
			wrong = append(wrong, "lacks "+h.lacks+", and is shown")
		}
		return wrong
	}
	both := !h.both
	for name := range strings.FieldsSeq(h.shown) {
		f := functions[name]
		if _, function, _ := strings.Cut(name, "."); f == nil && !slices.Contains(conversations, name) ||
			f != nil && !strings.HasPrefix(function, "Test") && !strings.HasPrefix(function, "Benchmark") && !strings.HasPrefix(function, "Fuzz") {
			wrong = append(wrong, "is shown by "+name+", which is not there")
		}
		both = both || f != nil && callsOnBoth(f)
	}
	if h.shown == "" || !both {
		wrong = append(wrong, "is not shown on both sockets, or not at all")
	}
	return wrong
}

// TestUpstreamMap: each behaviour of the tables is shown by what they say, and what is named for one of them is in the tables.
func TestUpstreamMap(t *testing.T) {
	functions, conversations := tested(t)
	mapped := map[string]bool{}
	for part, table := range map[string][]held{"A1": protocolTests, "A2": webTests, "A3": coreTests, "A4": lookupdTests} {
		for _, h := range table {
			for _, wrong := range h.wrongWith(part, functions, conversations) {
				t.Errorf("%s %s %s", part, h.name, wrong)
			}
			for name := range strings.FieldsSeq(h.shown) {
				mapped[name] = true
			}
		}
	}
	for name := range functions {
		_, function, _ := strings.Cut(name, ".")
		for _, part := range []string{"TestA1", "TestA2", "TestA3", "TestA4"} {
			if strings.HasPrefix(function, part) && !mapped[name] {
				t.Errorf("%s is in no table", name)
			}
		}
	}
}

func TestUpstreamMapBites(t *testing.T) {
	functions, conversations := tested(t)
	for _, h := range []held{
		{name: "BasicV2", shown: "server.TestA1BasicV3"},
		{name: "BasicV2", shown: "no_such.txt"},
		{name: "BasicV2", shown: "server.startNsqd"},
		{name: "BasicV2"},
		{name: "BasicV2", both: true, shown: "sub.txt"},
		{name: "BasicV2", both: true, shown: "server.TestA1ChannelTopicNames"},
		{name: "BasicV2", lacks: "a broker"},
		{name: "NoSuch", lacks: "a broker", shown: "sub.txt"},
	} {
		if len(h.wrongWith("A1", functions, conversations)) == 0 {
			t.Errorf("nothing is wrong with %+v", h)
		}
	}
}
