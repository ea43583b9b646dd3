package inbound

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listening is the state of a listening TCP socket in /proc/net, unconnected that of a UDP one.
const (
	listening   = "0A"
	unconnected = "07"
)

// Owner finds the process that has an address, 0 when it can't be known: it may be another
// user's, or in another container. network is "tcp" or "udp".
func Owner(network string, at netip.AddrPort) (pid int, name string) {
	state := listening
	if network == "udp" {
		state = unconnected
	}
	sockets := map[string]bool{}
	for _, table := range []string{network, network + "6"} {
		socketsAt("/proc/net/"+table, state, at, sockets)
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, f := range files {
		target, err := os.Readlink(f)
		if err != nil || !sockets[target] {
			continue
		}
		process := strings.Split(f, "/")[2]
		pid, _ = strconv.Atoi(process)
		comm, _ := os.ReadFile("/proc/" + process + "/comm")
		return pid, strings.TrimSpace(string(comm))
	}
	return 0, ""
}

// socketsAt adds the sockets of a table that are in the way of an address, as /proc/<pid>/fd
// names them.
func socketsAt(table, state string, at netip.AddrPort, to map[string]bool) {
	f, err := os.Open(table)
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		columns := strings.Fields(lines.Text())
		if len(columns) < 10 || columns[3] != state {
			continue
		}
		local, ok := parseLocal(columns[1])
		if ok && local.Port() == at.Port() && overlap(local.Addr(), at.Addr()) {
			to["socket:["+columns[9]+"]"] = true
		}
	}
}

// parseLocal reads an address as /proc/net has it: words of four bytes in the machine's order,
// in hexadecimal.
func parseLocal(text string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(text, ":")
	words, err := hex.DecodeString(address)
	number, wrong := strconv.ParseUint(port, 16, 16)
	if err != nil || wrong != nil || len(words)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(words); i += 4 {
		binary.NativeEndian.PutUint32(words[i:], binary.BigEndian.Uint32(words[i:]))
	}
	ip, ok := netip.AddrFromSlice(words)
	return netip.AddrPortFrom(ip, uint16(number)), ok
}

func overlap(a, b netip.Addr) bool {
	return a.Unmap() == b.Unmap() || a.IsUnspecified() || !b.IsValid() || b.IsUnspecified()
}
