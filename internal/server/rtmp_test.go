package server

import (
	"net"
	"slices"
	"testing"

	"rostrum/internal/inbound"
)

func TestRTMPListeners_AdvertiseTheNameOfTheCertificate(t *testing.T) {
	var e rtmpListeners
	for _, l := range []**inbound.Listener{&e.plain, &e.secure} {
		var err error
		if *l, err = inbound.Listen(t.Context(), "127.0.0.1:0", inbound.ListenerConfig{}); err != nil {
			t.Fatal(err)
		}
		defer (*l).Close()
	}
	plain, secure := e.plain.Addr().String(), e.secure.Addr().String()
	_, port, _ := net.SplitHostPort(secure)
	for named, expected := range map[bool][]string{
		true:  {"rtmp://" + plain + "/app/", "rtmps://live.example:" + port + "/app/"},
		false: {"rtmp://" + plain + "/app/", "rtmps://" + secure + "/app/"},
	} {
		e.usePublicName = named
		if seen := present(e.urls("https://live.example:7443")); !slices.Equal(seen, expected) {
			t.Errorf("with a public URL %v: expected %q, saw %q", named, expected, seen)
		}
	}
}
