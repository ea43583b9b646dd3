package server

import (
	"log/slog"
	"net"
	"path/filepath"
	"testing"
)

func TestNotifySystemd_SendsTheState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	notifySystemd(slog.New(slog.DiscardHandler), "READY=1")
	state := make([]byte, 64)
	n, _, err := manager.ReadFrom(state)
	if err != nil || string(state[:n]) != "READY=1" {
		t.Errorf("expected READY=1, got %q, %v", state[:n], err)
	}
}
