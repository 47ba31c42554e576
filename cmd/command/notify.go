package command

import (
	"net"
	"os"

	"github.com/nsqlab/nsqlab/broker/server"
)

// tell has systemd know of a state, if it wants to: Type=notify of a unit gives the environment the socket to tell it on.
func tell(log server.Log, state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.Dial("unixgram", path)
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close()
	}
	if err != nil {
		log(server.Warn, "systemd was not told %s - %s", state, err)
	}
}
