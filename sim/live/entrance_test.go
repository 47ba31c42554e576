package live

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"

	"github.com/nsqlab/nsqlab/sim"
)

func TestAddress(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	addr, err := c.Address("other", "b1")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Address("other", "b1"); again != addr || err != nil {
		t.Errorf("asked again: %s, %v", again, err)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
		t.Errorf("heard %q, %v", got, err)
	}
	addRule(t, c, "other", "", func(c sim.Chunk) sim.Fate { return sim.Fate{Reset: !c.Opening} })
	broken, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	_, _ = io.WriteString(broken, "hello")
	if _, err := io.ReadAll(broken); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a reset connection ends with: %v", err)
	}
}

// The official client does not know that there is a relay.
func TestTheOfficialClient(t *testing.T) {
	launcher, _ := useLauncher(t, "process", "")
	c := newCluster(t, launcher, "b1")
	addr, err := c.Address("client", "b1")
	if err != nil {
		t.Fatal(err)
	}
	addRule(t, c, "", "", func(sim.Chunk) sim.Fate { return sim.Fate{Delay: time.Millisecond} })
	config := nsq.NewConfig()
	producer, err := nsq.NewProducer(addr, config)
	if err != nil {
		t.Fatal(err)
	}
	producer.SetLogger(nil, nsq.LogLevelError)
	defer producer.Stop()
	if err := producer.Publish("orders", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	consumer, err := nsq.NewConsumer("orders", "billing", config)
	if err != nil {
		t.Fatal(err)
	}
	consumer.SetLogger(nil, nsq.LogLevelError)
	defer func() {
		consumer.Stop()
		<-consumer.StopChan
	}()
	got := make(chan string, 1)
	consumer.AddHandler(nsq.HandlerFunc(func(m *nsq.Message) error {
		got <- string(m.Body)
		return nil
	}))
	if err := consumer.ConnectToNSQD(addr); err != nil {
		t.Fatal(err)
	}
	select {
	case body := <-got:
		if body != "hello" {
			t.Errorf("got %q", body)
		}
	case <-time.After(20 * time.Second):
		t.Error("no message")
	}
}
