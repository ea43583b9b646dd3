package sfu

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLinuxSocket_SendsOneByOneWhereTrainsAreRefused has the kernel refuse trains as it does
// where checksums can't be left to the device: everything arrives nevertheless, and after a
// while the socket no longer asks.
func TestLinuxSocket_SendsOneByOneWhereTrainsAreRefused(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	sockets, _, err := openSockets([]netip.Addr{loopback}, 0, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	s := sockets[0].(*linuxSocket)
	defer s.close()
	if err := unix.SetsockoptInt(s.fds[0], unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
		t.Fatal(err)
	}
	peer, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	to := &route{addr: peer.LocalAddr().(*net.UDPAddr).AddrPort()}
	s.prepare(to)
	const segment, last = 1200, 300
	train := bytes.Repeat([]byte{7}, 2*segment+last)
	if errno := syscallGSO(s.fds[0], to, train, segment, true); errno == 0 {
		t.Skip("this kernel takes trains without checksums")
	}
	buffer := make([]byte, 1<<16)
	for n := range 2 * maxGSOFaults {
		train[0], train[segment], train[2*segment] = byte(n), byte(n), byte(n)
		if refused := s.send(to, train, segment); refused != 0 {
			t.Fatalf("train %d: %d datagrams were refused", n, refused)
		}
		for i, want := range []int{segment, segment, last} {
			_ = peer.SetReadDeadline(time.Now().Add(10 * time.Second))
			got, err := peer.Read(buffer)
			if err != nil {
				t.Fatalf("train %d, datagram %d: %v", n, i, err)
			}
			if got != want || buffer[0] != byte(n) {
				t.Fatalf("train %d, datagram %d: %d bytes of train %d, want %d", n, i, got, buffer[0], want)
			}
		}
	}
	if faults := s.gsoFaults.Load(); faults != maxGSOFaults {
		t.Errorf("trains were tried %d times, want %d", faults, maxGSOFaults)
	}
}
