package doctor

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rostrum/internal/certificate"
	"rostrum/internal/config"
)

// checkDomains checks whether an ACME authority reaches this server by its names, and the
// certificates that it signed.
func checkDomains(ctx context.Context, s *config.Settings, serves bool) (all []Finding) {
	if len(s.Domains) == 0 {
		return nil
	}
	if !serves {
		all = append(all, checkACMEPort(s))
	}
	for _, name := range s.Domains {
		all = append(all, checkName(ctx, s, name))
		if serves {
			all = append(all, checkNameAnswers(ctx, s, name, net.JoinHostPort(name, "443")), checkACME(ctx, s, name))
		}
	}
	return all
}

// checkACMEPort checks that a listener has the port to which ACME authorities connect.
func checkACMEPort(s *config.Settings) Finding {
	const check = "port 443"
	for _, at := range []config.Address{s.Listen, s.TURNSListen, s.RTMPSListen} {
		if strings.HasSuffix(string(at), ":443") && !at.IsLoopback() {
			return Finding{Check: check, State: OK, Found: "the authority reaches " + string(at)}
		}
	}
	return Finding{check, Warning, "the authority connects to port 443 of each name, and listen is " + string(s.Listen), "set listen to :443, or forward port 443 to it"}
}

// checkName checks that a name resolves to this machine.
func checkName(ctx context.Context, s *config.Settings, name string) Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	own := slices.Clone([]netip.Addr(s.PublicIP))
	nets, _ := net.InterfaceAddrs() // without them no address is known to be of this machine
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	return evaluateName(name, found, err, own)
}

func evaluateName(name string, found []netip.Addr, err error, own []netip.Addr) Finding {
	check := "DNS of " + name
	if err != nil {
		return Finding{check, Broken, err.Error(), "add an A or AAAA record with an address of this machine, or correct domain"}
	}
	for _, ip := range found {
		if !slices.Contains(own, ip.Unmap()) {
			return Finding{check, Warning, "it resolves to " + ip.Unmap().String() + ", which is not an address of this machine",
				"forward port 443 from there and set public_ip to it, or correct the DNS: the authority may use any of the addresses"}
		}
	}
	return Finding{Check: check, State: OK, Found: "it resolves to this machine"}
}

// checkNameAnswers checks that the server that answers for a name at an address, which is its
// port 443, is the one that runs here.
func checkNameAnswers(ctx context.Context, s *config.Settings, name, at string) Finding {
	check := "port 443 of " + name
	here, err := fetchCertificate(ctx, name, s.Listen.DialAddress())
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	there, err := fetchCertificate(ctx, name, at)
	switch {
	case err != nil:
		return Finding{check, Warning, "no answer, from this machine: " + err.Error(),
			"open port 443, or forward it to " + string(s.Listen) + "; the result is the same with a router that does not forward connections from inside"}
	case !bytes.Equal(here, there):
		return Finding{check, Warning, "another server answers, or a proxy that terminates TLS", "forward port 443 to this server, without a proxy that terminates TLS"}
	}
	return Finding{Check: check, State: OK, Found: "this server answers"}
}

// checkACME reads the state of a certificate from the store of the server.
func checkACME(ctx context.Context, s *config.Settings, name string) Finding {
	st, err := s.OpenStore(ctx, false)
	if err != nil {
		return Finding{Check: "certificate of " + name, State: Unknown, Found: err.Error()}
	}
	defer st.Close()
	state, err := certificate.ReadState(ctx, st, name, string(s.ACMEDirectory))
	if err != nil {
		return Finding{Check: "certificate of " + name, State: Unknown, Found: err.Error()}
	}
	return evaluateACME(state, time.Now())
}

func evaluateACME(state certificate.State, now time.Time) Finding {
	check := "certificate of " + state.Name
	leaf, failed := state.Leaf, state.Failed
	found := "there is none yet"
	if leaf != nil {
		found = fmt.Sprintf("%s signed it until %s", leaf.Issuer.CommonName, leaf.NotAfter.Format(time.DateOnly))
	}
	if failed != nil {
		found += fmt.Sprintf("; on %s the authority signed no new one, and the next attempt is on %s: %s",
			failed.At.Local().Format(time.DateTime), failed.Next.Local().Format(time.DateTime), failed.Reason)
	}
	switch {
	case leaf == nil && failed == nil:
		return Finding{check, Warning, found, "wait a minute, and read the log of the server"}
	case leaf == nil || now.After(leaf.NotAfter):
		remedy := "read the log of the server"
		if failed != nil && failed.Remedy != "" {
			remedy = failed.Remedy
		}
		return Finding{check, Broken, found, remedy}
	case failed != nil:
		return Finding{check, Warning, found, failed.Remedy}
	}
	return Finding{Check: check, State: OK, Found: found}
}
