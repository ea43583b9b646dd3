package attack

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/pion/turn/v5"
)

// Items 1 to 4: hellos, fragments and noise from who has shown no consent.
func TestAttack_HandshakesOfStrangersAreDropped(t *testing.T) {
	before := stand.memory()
	hello := append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 240, 1, 0, 0, 228}, make([]byte, 236)...)
	empty := []byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	fragment := append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 2, 0, 13, 1, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0, 1}, 0)
	for range 20 { // sources
		conn := stand.udp(t)
		for range 1000 {
			for _, b := range [][]byte{hello, empty, fragment} {
				_, _ = conn.Write(b)
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, err := conn.Read(make([]byte, 2000)); err == nil {
			t.Fatalf("a stranger's handshake was answered with %d bytes", n)
		}
	}
	stand.goesOn(t)
	if grown := stand.memory() - before; grown > 64<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
}

// Item 9, and noise of every kind.
func TestAttack_NoiseOnTheMediaPortChangesNothing(t *testing.T) {
	conn := stand.udp(t)
	sent, got := 0, 0
	for i := range 20_000 {
		b := make([]byte, 1+i%1400)
		_, _ = rand.Read(b)
		switch i % 4 {
		case 0: // almost STUN
			b = append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, b...)
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		case 1: // almost SRTP
			b[0] = b[0]&0x3f | 0x80
		}
		n, _ := conn.Write(b)
		sent += n
	}
	buffer := make([]byte, 2000)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := conn.Read(buffer)
		if err != nil {
			break
		}
		got += n
	}
	if got > sent/100 {
		t.Errorf("%d bytes of noise were answered with %d", sent, got)
	}
	stand.goesOn(t)
}

// Items 31 and 32, as far as a port can be held: connections that say nothing.
func TestAttack_SilentConnectionsAreShownOut(t *testing.T) {
	for range 1500 {
		conn, err := net.Dial("tcp", stand.media)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	stand.goesOn(t)
}

// relayed is a TURN client with an allocation.
func relayed(t *testing.T, username, credential string) (*turn.Client, net.PacketConn, error) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: stand.media, Username: username, Password: credential, Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	through, err := c.Allocate()
	return c, through, err
}

// Item 17.
func TestAttack_TURNLeadsNowhere(t *testing.T) {
	_, username, credential, err := stand.relay(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := relayed(t, username, credential)
	if err != nil {
		t.Fatal(err)
	}
	api := stand.server.URL[len("http://"):]
	for _, address := range []string{
		api, "127.0.0.1:22", "127.0.0.2:80", "0.0.0.0:80", "[::]:80", "[::1]:80", "169.254.169.254:80", "10.0.0.1:80", "172.16.0.1:80",
		"192.168.0.1:80", "100.64.0.1:80", "[fd00::1]:80", "[fe80::1]:80", "224.0.0.1:80", "255.255.255.255:80", "192.0.2.1:443",
	} {
		peer, err := net.ResolveUDPAddr("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CreatePermission(peer); err == nil {
			t.Errorf("a permission for %s was given", address)
		}
	}
	own, err := net.ResolveUDPAddr("udp", stand.media)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreatePermission(own); err != nil {
		t.Errorf("no permission for the media port itself: %v", err)
	}
	stand.goesOn(t)
}

// Item 18.
func TestAttack_TURNCredentialsCantBeMadeUp(t *testing.T) {
	_, username, credential, err := stand.relay(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for says, c := range map[string][2]string{
		"a guessed password":  {username, "guess"},
		"another participant": {fmt.Sprint(time.Now().Add(time.Hour).Unix(), ":someone"), credential},
		"a later expiry":      {"9" + username, credential},
		"an expired name":     {"1:" + username[11:], credential},
	} {
		if _, _, err := relayed(t, c[0], c[1]); err == nil {
			t.Errorf("%s was taken", says)
		}
	}
	stand.goesOn(t)
}
