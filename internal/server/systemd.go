package server

import (
	"log/slog"
	"net"
	"os"
)

// notifySystemd tells the service manager a state of this process, if it asked to be told: a
// unit with Type=notify counts as started from READY=1.
func notifySystemd(log *slog.Logger, state string) {
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
		log.Warn("tell the service manager the state", "state", state, "error", err)
	}
}
