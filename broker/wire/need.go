package wire

import "time"

// A Need is what an endpoint waits for and bytes do not bring: a driver sees to it, and answers. Until then the endpoint
// consumes nothing.
type Need struct {
	Kind     NeedKind
	Level    int      // of NeedDeflate, 1 to 9
	Question Question // of NeedAuthority
}

// A NeedKind says what a Need is for. Those that change the connection begin once all that the endpoint had to send is sent, and
// what the peer sends next is inside the new layer.
type NeedKind int

// The kinds of needs. NoNeed is none.
const (
	NoNeed        NeedKind = iota
	NeedTLS                // the connection goes on inside TLS
	NeedSnappy             // it goes on in Snappy's framing format
	NeedDeflate            // it goes on as raw DEFLATE (RFC 1951), each write ended by a sync flush
	NeedAuthority          // the auth servers are to be asked the Question
	NeedTime               // what goes before the next need is under way; it has no Answer, and is over after some HandleTimeout
)

// A Question is what auth servers are asked about a client.
type Question struct {
	Secret     string
	RemoteIP   string // "" over a unix socket
	TLS        bool
	CommonName string // of the client's certificate; "" if it has none
}

// An Answer is what became of a Need.
type Answer struct {
	Err  error    // why it could not be met; nil if it was
	TLS  TLSState // of NeedTLS
	Body []byte   // of NeedAuthority: the JSON of the auth server that answered
}

// TLSState is what two ends of a TLS connection have agreed on.
type TLSState struct {
	Version     uint16 // as crypto/tls has it: 0x0304 is TLS 1.3
	CipherSuite uint16 // by its number in the standard
	Protocol    string // that ALPN chose; "" if none
	Mutual      bool   // whether it was chosen by both ends
	CommonName  string // of the peer's certificate; "" if it has none
}

// A Needer is an Endpoint that can have needs. Whoever runs one asks for them after each call of Receive and HandleTimeout.
type Needer interface {
	Endpoint

	// Need is what the endpoint waits for now. It is called as Receive is, by one caller at a time.
	Need() Need

	// Answer ends the need. What was not consumed before it is then handed in again. An error is fatal, as in Receive.
	Answer(now time.Time, a Answer) error
}
