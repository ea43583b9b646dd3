package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"rostrum/internal/config"
)

// checkListen checks that the address of HTTP can be bound, or that the server of these
// settings has it.
func checkListen(ctx context.Context, s *config.Settings, r running) Finding {
	const check = "HTTP address"
	err := tryTCP(ctx, "tcp", string(s.Listen))
	switch {
	case err == nil:
		return Finding{Check: check, State: OK, Found: string(s.Listen) + " is free"}
	case r.own:
		return Finding{Check: check, State: OK, Found: "a Rostrum serves at " + string(s.Listen)}
	case r.answers:
		return Finding{check, Broken, fmt.Sprintf("a Rostrum with another data folder serves at %s (pid %d)", s.Listen, r.pid),
			"set data_dir to its folder to examine that one, or listen to another address"}
	}
	return r.has(check, "listen", "tcp", string(s.Listen), err)
}

// checkAddress checks that an address can be bound, or that the server of these settings has
// it.
func checkAddress(ctx context.Context, r running, check, key string, at config.Address) Finding {
	err := tryTCP(ctx, "tcp", string(at))
	if err == nil {
		return Finding{Check: check, State: OK, Found: string(at) + " is free"}
	}
	return r.has(check, key, "tcp", string(at), err)
}

// unbound is an address that cannot be had.
func unbound(check, key string, err error) Finding {
	if errors.Is(err, os.ErrPermission) {
		return Finding{check, Broken, err.Error(), "allow it ports below 1024 (CAP_NET_BIND_SERVICE), or set " + key + " to another address"}
	}
	return Finding{check, Broken, err.Error(), "free the address, or set " + key + " to another"}
}

// checkRTMP checks the address of RTMP. If another program uses the default address, serve
// runs without RTMP.
func checkRTMP(ctx context.Context, s *config.Settings, r running) Finding {
	f := checkAddress(ctx, r, "RTMP address", "rtmp_listen", s.RTMPListen)
	if f.State == Broken && !s.IsSet("rtmp_listen") {
		return Finding{f.Check, Warning, f.Found + ": serve will run without RTMP", f.Remedy}
	}
	return f
}

// checkMediaPort checks that media can be received by UDP and by TCP.
func checkMediaPort(ctx context.Context, s *config.Settings, r running) Finding {
	const check = "media port"
	addrs, err := s.MediaAddresses(ctx)
	if err != nil {
		return Finding{check, Broken, err.Error(), "correct media_listen"}
	}
	var free []string
	for _, addr := range addrs {
		at, version := netip.AddrPortFrom(addr, uint16(s.MediaPort)).String(), "6"
		if addr.Is4() {
			version = "4" // "::" beside "0.0.0.0" is not the same port twice
		}
		for network, try := range map[string]func(context.Context, string, string) error{"udp": tryUDP, "tcp": tryTCP} {
			if err := try(ctx, network+version, at); err != nil {
				return r.has(check, "media_port", network, at, err)
			}
		}
		free = append(free, at)
	}
	return Finding{Check: check, State: OK, Found: strings.Join(free, ", ") + " free, UDP and TCP"}
}

// checkPublicIPs checks that the advertised addresses lead to this machine.
func checkPublicIPs(ctx context.Context, s *config.Settings) Finding {
	const check = "public addresses"
	if at, err := s.MediaAddresses(ctx); err == nil {
		if setting := s.LoopbackConflict(at); setting != "" {
			return Finding{check, Broken, setting + " is for other machines, but media are received on loopback only", config.LoopbackRemedy}
		}
	}
	if len(s.PublicIP) == 0 {
		if s.Listen.IsLoopback() && len(s.MediaListen) == 0 {
			return Finding{Check: check, State: OK, Found: "only this machine can reach the media port"}
		}
		return checkOwnAddresses(s, check)
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	for _, ip := range s.PublicIP {
		if !slices.ContainsFunc(own, func(a net.Addr) bool { p, err := netip.ParsePrefix(a.String()); return err == nil && p.Addr() == ip }) {
			return Finding{check, Warning, ip.String() + " is not an address of this machine", fmt.Sprintf("make sure that UDP and TCP port %d are forwarded from there, or correct public_ip", s.MediaPort)}
		}
	}
	return Finding{Check: check, State: OK, Found: s.PublicIP.String() + " is an address of this machine"}
}

// checkOwnAddresses checks whether clients of other networks can reach the addresses of this
// machine, which are advertised by default.
func checkOwnAddresses(s *config.Settings, check string) Finding {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	var own []netip.Addr
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	if allPrivate(own) {
		return Finding{check, Warning, "the addresses of this machine are advertised, and all are private: clients of other networks cannot reach them",
			"set public_ip to the address that they can reach, unless all clients are in this network"}
	}
	return Finding{Check: check, State: OK, Found: "the addresses of this machine are advertised"}
}

// carrierNAT is the shared address space of carriers (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// allPrivate reports whether none of a machine's addresses can be reached from the internet.
func allPrivate(own []netip.Addr) bool {
	return !slices.ContainsFunc(own, func(a netip.Addr) bool {
		return a.IsGlobalUnicast() && !a.IsPrivate() && !carrierNAT.Contains(a)
	})
}
