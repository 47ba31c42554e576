package server

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A tapped connection keeps what was read.
type tapped struct {
	net.Conn
	read bytes.Buffer
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Write(p[:n])
	return n, err
}

// lastRecord gives the type of the last TLS record that was read.
func (c *tapped) lastRecord() (kind byte) {
	for p := c.read.Bytes(); len(p) >= 5; {
		kind = p[0]
		p = p[min(len(p), 5+int(binary.BigEndian.Uint16(p[3:]))):]
	}
	return kind
}

// A client in TLS that goes on sending after its mistake gets the error all the same, and TLS's own goodbye behind it.
func TestTheErrorIsReadBeforeTheEndInTLS(t *testing.T) {
	d := startNsqd(t, func(c *Config) { c.HTTPSAddress, c.TLS = "127.0.0.1:0", newSigner(t).write("127.0.0.1") })
	for range 10 {
		p := dial(t, d)
		p.say(identify(wantsTLS))
		_ = p.next()
		tap := &tapped{Conn: p.conn}
		conn := tls.Client(tap, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}) // whose alerts can be told from data
		s := newPeer(t, conn)
		s.want("OK")
		s.say("PUB t\n\x00\x20\x00\x00", strings.Repeat("x", 2<<20))
		s.want("error E_BAD_MESSAGE PUB message too big 2097152 > 1048576", "EOF")
		if kind := tap.lastRecord(); kind != 21 {
			t.Fatalf("the last record was of type %d, not an alert", kind)
		}
	}
}

// A packing endpoint asks for DEFLATE after a first byte, and then takes all that comes.
type packing struct {
	talkless
	asked bool
	since int // bytes received since the last Transmit
	most  int // at any time
	all   int
}

func (e *packing) Need() (n wire.Need) {
	if !e.asked && e.all > 0 {
		n = wire.Need{Kind: wire.NeedDeflate, Level: 6}
	}
	return n
}

func (e *packing) Answer(time.Time, wire.Answer) error { e.asked = true; return nil }

func (e *packing) Receive(_ time.Time, p []byte) (int, error) {
	if e.Need().Kind != wire.NoNeed {
		return 0, nil
	}
	if !e.asked {
		p = p[:1]
	}
	e.all += len(p)
	e.since += len(p)
	e.most = max(e.most, e.since)
	return len(p), nil
}

func (e *packing) Transmit(spare []byte) []byte {
	e.since = 0
	return spare[:0]
}

// What unpacks to a thousand times its size is not all read before the answers to its beginning are sent.
func TestBombsAreAnsweredAsTheyUnpack(t *testing.T) {
	const size = 64 << 20
	var bomb bytes.Buffer
	w, _ := flate.NewWriter(&bomb, 9)
	_, _ = w.Write(make([]byte, size))
	_ = w.Flush()
	near, far := dialTCP(t)
	e := &packing{}
	done := make(chan error)
	go func() { done <- Drive(far, func(time.Time, func()) wire.Endpoint { return e }) }()
	if _, err := near.Write(append([]byte("x"), bomb.Bytes()...)); err != nil {
		t.Fatal(err)
	}
	_ = near.Close()
	<-done
	if e.all != size+1 || e.most > 2*maxAhead {
		t.Errorf("%d bytes came, up to %d of them without a look at what is to be sent", e.all, e.most)
	}
}

// A driver in layers gives the room for a large command back when nothing comes for long.
func TestIdleLayersGiveBuffersBack(t *testing.T) {
	for _, c := range askFor {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t, withTLS)
				near, far := net.Pipe()
				d := outsideOf(t).begin(far, func(now time.Time, wake func()) wire.Endpoint { return b.Connect(now, "10.0.0.1:1234", wake) })
				done := make(chan error)
				go func() { done <- d.run() }()
				p := newPeer(t, near)
				p.say(wire.Magic, identify(`{"feature_negotiation":true,"heartbeat_interval":1000`+c.ask+`}`))
				_ = p.next()
				c.enter(p)
				p.say(pub("t", random(1<<20)))
				p.want("OK")
				for range 40 {
					p.want("_heartbeat_")
					p.say("NOP\n")
				}
				synctest.Wait()
				if held := d.held(); held > 4<<10 {
					t.Errorf("it holds %d bytes", held)
				}
				_ = near.Close()
				<-done
			})
		})
	}
}

// A peer that has TLS's keys changed again and again, and reads nothing, is not read from for ever.
func TestKeyUpdatesAreNotGatheredForEver(t *testing.T) {
	const much = 4 * maxAhead
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, withTLS)
		near, far := net.Pipe()
		d := outsideOf(t).start(far, func(now time.Time, wake func()) wire.Endpoint { return b.Connect(now, "10.0.0.1:1234", wake) })
		p := newPeer(t, near)
		p.say(wire.Magic, identify(`{"feature_negotiation":true,"tls_v1":true}`))
		_ = p.next()
		var keys bytes.Buffer
		conn := tls.Client(near, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &keys})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		newPeer(t, conn).want("OK")
		r := newRekeyer(t, conn, keys.String())
		_ = near.SetWriteDeadline(time.Now().Add(10 * time.Second)) // before it is given up for its silence
		var sent atomic.Int64
		for sent.Load() < much {
			n, err := near.Write(r.batch())
			sent.Add(int64(n))
			if err != nil {
				break
			}
		}
		if n := sent.Load(); n >= much {
			t.Errorf("%d bytes were read, whose answers nobody takes", n)
		} else if n < maxAhead/2 {
			t.Errorf("it took no more than %d bytes", n)
		}
		_ = near.Close()
		_ = d.end()
	})
}

// A rekeyer makes TLS 1.3 records as the client of a connection on which that has sent nothing since its handshake.
type rekeyer struct {
	t      *testing.T
	secret []byte
	seq    uint64
	seal   cipher.AEAD
	iv     []byte
}

// newRekeyer takes the secret from the log of the client's keys.
func newRekeyer(t *testing.T, conn *tls.Conn, log string) *rekeyer {
	if suite := conn.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("the ends have chosen %s, which this test does not know", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(log) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			r := &rekeyer{t: t}
			r.use(secret)
			return r
		}
	}
	t.Fatal("no secret")
	return nil
}

func (r *rekeyer) use(secret []byte) {
	r.secret, r.seq, r.iv = secret, 0, r.expand(secret, "iv", 12)
	block, err := aes.NewCipher(r.expand(secret, "key", 16))
	if err == nil {
		r.seal, err = cipher.NewGCM(block)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// expand is HKDF-Expand-Label of RFC 8446, 7.1, without a context.
func (r *rekeyer) expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(n), byte(len(label))}, label...)
	p, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rekeyer) record(kind byte, data string) []byte {
	inner := append([]byte(data), kind)
	head := []byte{23, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(head[3:], uint16(len(inner)+r.seal.Overhead()))
	nonce := bytes.Clone(r.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(r.seq >> (56 - 8*i))
	}
	r.seq++
	return r.seal.Seal(head, nonce, inner, head)
}

// batch is some data, since TLS bears so many other records without, and changes of the key that ask for one in return.
func (r *rekeyer) batch() (p []byte) {
	p = r.record(23, "NOP\n")
	for range 15 {
		p = append(p, r.record(22, "\x18\x00\x00\x01\x01")...)
		r.use(r.expand(r.secret, "traffic upd", 32))
	}
	return p
}

// A peer that has sent too much, and goes without a word while it is waited for, is let go.
func TestAPeerThatIsWaitedForGoes(t *testing.T) {
	p, d := driveTCP(t, newBroker(t, nil))
	near := p.conn.(*net.TCPConn)
	_ = near.SetReadBuffer(4 << 10)
	p.say(wire.Magic, identify(`{"heartbeat_interval":-1}`))
	many := strings.Repeat(pub("t#ephemeral", "x"), 10_000)
	for {
		_ = near.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := near.Write([]byte(many)); err != nil {
			break
		}
	}
	_ = near.SetLinger(0)
	_ = near.Close()
	select {
	case <-d.done:
	case <-time.After(patienceOfTests):
		t.Fatal("it is waited for still")
	}
}
