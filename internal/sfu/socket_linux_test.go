package sfu

import (
	"bytes"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLinuxSocket_SendsSinglyWhereGSOIsRefused has the kernel refuse trains as it does
// where checksums can't be left to the device: everything arrives nevertheless, and after a
// while the socket no longer asks.
func TestLinuxSocket_SendsSinglyWhereGSOIsRefused(t *testing.T) {
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
	batch := bytes.Repeat([]byte{7}, 2*segment+last)
	if errno := syscallGSO(s.fds[0], to, batch, segment, true); errno == 0 {
		t.Skip("this kernel accepts batches without checksums")
	}
	buffer := make([]byte, 1<<16)
	for n := range 2 * maxGSOFaults {
		batch[0], batch[segment], batch[2*segment] = byte(n), byte(n), byte(n)
		if refused := s.send(to, batch, segment); refused != 0 {
			t.Fatalf("batch %d: %d datagrams were refused", n, refused)
		}
		for i, want := range []int{segment, segment, last} {
			_ = peer.SetReadDeadline(time.Now().Add(10 * time.Second))
			got, err := peer.Read(buffer)
			if err != nil {
				t.Fatalf("batch %d, datagram %d: %v", n, i, err)
			}
			if got != want || buffer[0] != byte(n) {
				t.Fatalf("batch %d, datagram %d: %d bytes of batch %d, want %d", n, i, got, buffer[0], want)
			}
		}
	}
	if faults := s.gsoFaults.Load(); faults != maxGSOFaults {
		t.Errorf("GSO was tried %d times, want %d", faults, maxGSOFaults)
	}
}

// TestLinuxSocket_WaitingDelaysNothingElse has more threads wait than the process has processors,
// each of which keeps one meanwhile.
func TestLinuxSocket_WaitingDelaysNothingElse(t *testing.T) {
	processors := Processors()
	sockets, _, err := openSockets([]netip.Addr{netip.MustParseAddr("127.0.0.1")}, 0, processors+1, false)
	if err != nil {
		t.Fatal(err)
	}
	if n, all := Processors(), runtime.GOMAXPROCS(0); n != processors || all < 2*processors+1 {
		t.Errorf("%d of %d processors are for other than sockets, want %d", n, all, processors)
	}
	var stopping atomic.Bool
	var waiting sync.WaitGroup
	for _, s := range sockets {
		waiting.Go(func() {
			for !stopping.Load() {
				s.wait(maxKept)
			}
			s.close()
		})
	}
	for range 20 {
		runtime.GC() // stops all threads
	}
	stopping.Store(true)
	waiting.Wait()
	if n := Processors(); n != processors {
		t.Errorf("there are %d processors after the sockets were closed, before %d", n, processors)
	}
}
