package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rostrum/internal/certificate"
	"rostrum/internal/config"
)

// examineDomains tells whether an authority finds this server by its names, and what it
// said.
func checkDomains(ctx context.Context, s *config.Settings) (all []Finding) {
	if len(s.Domains) == 0 {
		return nil
	}
	serves := serverRuns(ctx, s.Listen)
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

// examineKnock tells whether anything will listen where authorities come to.
func checkACMEPort(s *config.Settings) Finding {
	const check = "port 443"
	for _, at := range []config.Address{s.Listen, s.TURNSListen, s.RTMPSListen} {
		if strings.HasSuffix(string(at), ":443") && !at.IsLoopback() {
			return Finding{Check: check, State: OK, Found: "the authority will be answered at " + string(at)}
		}
	}
	return Finding{check, Warning, "the authority comes to port 443 of each name, and listen is " + string(s.Listen), "set listen to :443, or see that port 443 is handed on to it"}
}

// examineName tells whether a name leads to this machine.
func checkName(ctx context.Context, s *config.Settings, name string) Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	own := slices.Clone([]netip.Addr(s.PublicIP))
	nets, _ := net.InterfaceAddrs() // without them all that can be said is where the name leads
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
		return Finding{check, Broken, err.Error(), "add an A or AAAA record that leads the name here, or correct domain"}
	}
	for _, ip := range found {
		if !slices.Contains(own, ip.Unmap()) {
			return Finding{check, Warning, "it leads to " + ip.Unmap().String() + ", which is no address of this machine",
				"see that what is there hands port 443 on to here and set public_ip to it, or correct the DNS: the authority may take any of the addresses"}
		}
	}
	return Finding{Check: check, State: OK, Found: "it leads here"}
}

// examineDoor tells whether what answers at an address in a name's place, which is its port
// 443, is the server that runs here.
func checkNameAnswers(ctx context.Context, s *config.Settings, name, at string) Finding {
	check := "port 443 of " + name
	here, err := fetchCertificate(ctx, name, s.Listen.DialAddress())
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	there, err := fetchCertificate(ctx, name, at)
	switch {
	case err != nil:
		return Finding{check, Warning, "no answer, seen from here: " + err.Error(),
			"open port 443, or hand it on to " + string(s.Listen) + "; a router that doesn't lead back to its own address looks the same from here"}
	case !bytes.Equal(here, there):
		return Finding{check, Warning, "another server answers, or something before this one that ends TLS", "let port 443 lead here, and nothing that ends TLS stand between"}
	}
	return Finding{Check: check, State: OK, Found: "this server answers"}
}

// showsAs is the certificate that is shown at an address to who asks for a name.
func fetchCertificate(ctx context.Context, name, at string) ([]byte, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: probeTimeout}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw, nil
}

// examineObtained reads what the server that runs here has of an authority.
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
		found += fmt.Sprintf("; on %s the authority signed no new one, and is asked again on %s: %s",
			failed.At.Local().Format(time.DateTime), failed.Next.Local().Format(time.DateTime), failed.Reason)
	}
	switch {
	case leaf == nil && failed == nil:
		return Finding{check, Warning, found, "wait a minute, and see the log of the server"}
	case leaf == nil || now.After(leaf.NotAfter):
		remedy := "see the log of the server"
		if failed != nil && failed.Remedy != "" {
			remedy = failed.Remedy
		}
		return Finding{check, Broken, found, remedy}
	case failed != nil:
		return Finding{check, Warning, found, failed.Remedy}
	}
	return Finding{Check: check, State: OK, Found: found}
}
