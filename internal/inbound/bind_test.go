package inbound_test

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"rostrum/internal/inbound"
)

// bindChild names the environment variable that makes this test binary bind its address, by TCP
// and UDP, until its standard input ends.
const bindChild = "ROSTRUM_INBOUND_BIND_CHILD"

func TestMain(m *testing.M) {
	if at := os.Getenv(bindChild); at != "" {
		holdAddress(at)
		return
	}
	os.Exit(m.Run())
}

func holdAddress(at string) {
	l, err := net.Listen("tcp", at)
	if err == nil {
		_, err = net.ListenPacket("udp", l.Addr().String())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}

func TestListen_NamesTheProcessThatHasTheAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the process is known on Linux alone")
	}
	for _, of := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0"} {
		t.Run(of, func(t *testing.T) {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), bindChild+"="+of)
			stdin, err := child.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { stdin.Close(); _ = child.Wait() }()
			line, _ := bufio.NewReader(stdout).ReadString('\n')
			at, err := netip.ParseAddrPort(strings.TrimSpace(line))
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			expected := fmt.Sprintf("address already in use by %s (pid %d)", comm(t, child.Process.Pid), child.Process.Pid)
			if _, err := inbound.Listen(t.Context(), at.String(), inbound.ListenerConfig{}); err == nil || !inbound.InUse(err) || !strings.HasSuffix(err.Error(), expected) {
				t.Errorf("TCP: expected an error that ends in %q, got %v", expected, err)
			}
			_, err = net.ListenPacket("udp", at.String())
			if err = inbound.NameOwner(err, "udp", at); err == nil || !strings.HasSuffix(err.Error(), expected) {
				t.Errorf("UDP: expected an error that ends in %q, got %v", expected, err)
			}
		})
	}
}

func comm(t *testing.T, pid int) string {
	t.Helper()
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(name))
}

func TestListen_KnowsItsOwnAddresses(t *testing.T) {
	l, err := inbound.Listen(t.Context(), "127.0.0.1:0", inbound.ListenerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = inbound.Listen(t.Context(), l.Addr().String(), inbound.ListenerConfig{})
	if err == nil || runtime.GOOS == "linux" && !strings.HasSuffix(err.Error(), "by another listener of this server") {
		t.Errorf("got %v", err)
	}
}
