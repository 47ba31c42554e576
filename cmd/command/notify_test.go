package command

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/server"
)

// What systemd cannot be told is a line in the log.
func TestNotifyFails(t *testing.T) {
	var out strings.Builder
	log := server.WriteLog(&out, "", server.Info).Log
	tell(log, "READY=1")
	if out.Len() > 0 {
		t.Error(out.String())
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	tell(log, "READY=1")
	if !strings.Contains(out.String(), "WARNING: systemd was not told READY=1 - ") {
		t.Errorf("the log is %q", out.String())
	}
}
