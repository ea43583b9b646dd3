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

// checkAddress checks that an address can be bound, or that a Rostrum serves there.
func checkAddress(ctx context.Context, check, key string, at config.Address) Finding {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", string(at))
	if err == nil {
		_ = l.Close()
		return Finding{Check: check, State: OK, Found: string(at) + " is free"}
	}
	if serverRuns(ctx, at) {
		return Finding{Check: check, State: OK, Found: "a Rostrum serves at " + string(at)}
	}
	if errors.Is(err, os.ErrPermission) {
		return Finding{check, Broken, err.Error(), "allow it ports below 1024 (CAP_NET_BIND_SERVICE), or set " + key + " to another address"}
	}
	return Finding{check, Broken, err.Error(), "free the address, or set " + key + " to another"}
}

// checkExtra is checkAddress for an address without HTTP: if it is in use while a Rostrum
// serves here, that Rostrum uses it.
func checkExtra(ctx context.Context, s *config.Settings, check, key string, at config.Address) Finding {
	f := checkAddress(ctx, check, key, at)
	if f.State == Broken && serverRuns(ctx, s.Listen) {
		return Finding{Check: check, State: OK, Found: string(at) + " is in use by the Rostrum that serves here"}
	}
	return f
}

// checkRTMP checks the address of RTMP. If another program uses the default address, serve
// runs without RTMP.
func checkRTMP(ctx context.Context, s *config.Settings) Finding {
	f := checkExtra(ctx, s, "RTMP address", "rtmp_listen", s.RTMPListen)
	if f.State == Broken && !s.IsSet("rtmp_listen") {
		return Finding{f.Check, Warning, f.Found + ": serve will run without RTMP", f.Remedy}
	}
	return f
}

// checkMediaPort checks that media can be received by UDP and by TCP.
func checkMediaPort(ctx context.Context, s *config.Settings) Finding {
	const check = "media port"
	addrs, err := s.MediaAddresses(ctx)
	var free []string
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, uint16(s.MediaPort)).String()
		if err = tryListen(ctx, at); err != nil {
			break
		}
		free = append(free, at)
	}
	if err == nil {
		return Finding{Check: check, State: OK, Found: strings.Join(free, ", ") + " free, UDP and TCP"}
	}
	if serverRuns(ctx, s.Listen) {
		return Finding{Check: check, State: OK, Found: fmt.Sprintf("%d is in use by the Rostrum that serves here", s.MediaPort)}
	}
	return Finding{check, Broken, err.Error(), "free the port, or set media_port to another"}
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
