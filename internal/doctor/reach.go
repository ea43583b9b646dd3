package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/config"
)

// checkReach tries the connections that clients make, if a server runs here.
func checkReach(ctx context.Context, s *config.Settings, serves bool) (all []Finding) {
	if s.PublicURL != "" {
		all = append(all, checkPublicURL(ctx, s, serves))
	}
	if serves {
		all = append(all, checkMediaReach(ctx, s))
	}
	if s.TLSCert != "" {
		all = append(all, checkTrust(s, time.Now()))
	}
	return append(all, checkTURNS(ctx, s, serves))
}

// checkPublicURL checks that the URL in tokens leads to this server.
func checkPublicURL(ctx context.Context, s *config.Settings, serves bool) Finding {
	const check = "public URL"
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	u, err := url.Parse(string(s.PublicURL))
	if err == nil {
		_, err = net.DefaultResolver.LookupHost(ctx, u.Hostname())
	}
	switch {
	case err != nil:
		return Finding{check, Broken, err.Error(), "set public_url to a name that resolves, or add it to the DNS"}
	case !serves:
		return Finding{Check: check, State: OK, Found: u.Hostname() + " resolves; whether it leads here can be checked while the server runs"}
	}
	if err := probeHTTP(ctx, u.JoinPath("healthz").String()); err != nil {
		return Finding{check, Warning, "it does not lead to a Rostrum, from this machine: " + err.Error(),
			"make sure that the proxy forwards " + string(s.PublicURL) + " to " + string(s.Listen) + ", or correct public_url; compositions on this machine need it too"}
	}
	return Finding{Check: check, State: OK, Found: string(s.PublicURL) + " leads to a Rostrum"}
}

// checkMediaReach probes the media port of the running server at each advertised address, by
// UDP and by TCP.
func checkMediaReach(ctx context.Context, s *config.Settings) Finding {
	const check = "media reach"
	if s.MediaPort == 0 {
		return Finding{Check: check, State: Unknown, Found: "the media port is a free one"}
	}
	at := []netip.Addr(s.PublicIP)
	if len(at) == 0 {
		own, err := s.MediaAddresses(ctx)
		if err != nil {
			return Finding{Check: check, State: Unknown, Found: err.Error()}
		}
		at = slices.DeleteFunc(slices.Clone(own), netip.Addr.IsUnspecified)
		if len(at) == 0 {
			at = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
		}
	}
	var ways []string
	for _, ip := range at {
		for _, network := range []string{"udp", "tcp"} {
			address := netip.AddrPortFrom(ip, uint16(s.MediaPort)).String()
			conn, err := (&net.Dialer{Timeout: probeTimeout}).DialContext(ctx, network, address)
			if err == nil {
				err = probeSTUN(conn)
				conn.Close()
			}
			if err != nil {
				return Finding{check, Warning, fmt.Sprintf("no answer by %s at %s: %v", strings.ToUpper(network), address, err),
					fmt.Sprintf("open port %d, forward it from public_ip, or correct public_ip; the result is the same with a router that does not forward connections from inside", s.MediaPort)}
			}
		}
		ways = append(ways, ip.String())
	}
	return Finding{Check: check, State: OK, Found: strings.Join(ways, ", ") + " answer by UDP and TCP"}
}

// checkTURNS checks whether clients whose network allows only HTTPS can receive media.
func checkTURNS(ctx context.Context, s *config.Settings, serves bool) Finding {
	const check = "TURN over TLS"
	if !s.HasTLS() {
		if s.Listen.IsLoopback() {
			return Finding{Check: check, State: OK, Found: "not needed: only this machine reaches the server"}
		}
		return Finding{check, Warning, "there is none: clients whose network allows only HTTPS receive no media", "set domain, or tls_cert and tls_key with listen or turns_listen at port 443"}
	}
	at := s.Listen
	if s.TURNSListen != "" {
		at = s.TURNSListen
	}
	_, port, _ := net.SplitHostPort(string(at)) // it has been checked
	if serves && port != "0" {
		if err := probeTURNS(ctx, at.DialAddress()); err != nil {
			return Finding{check, Broken, "no answer at " + string(at) + ": " + err.Error(), "remove a proxy that forwards only HTTP, or set turns_listen to another address"}
		}
	}
	if reached := turnsPort(s, port); reached != "443" {
		return Finding{check, Warning, "it is at port " + reached + ", and strict networks allow only 443", "set listen or turns_listen to port 443"}
	}
	return Finding{Check: check, State: OK, Found: "at " + string(at)}
}

// turnsPort is the port at which clients reach TURN over TLS, which differs from the bound one
// behind a proxy.
func turnsPort(s *config.Settings, bound string) string {
	if u, err := url.Parse(string(s.PublicURL)); s.TURNSListen == "" && err == nil && u.Scheme == "https" {
		return config.HTTPSPort(string(s.PublicURL))
	}
	if _, err := strconv.ParseUint(bound, 10, 16); err != nil {
		return "any"
	}
	return bound
}
