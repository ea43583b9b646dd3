package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/config"
)

// reachTime is how long one way to the server may take to answer the doctor.
const probeTimeout = 2 * time.Second

// examineReach tries the ways that clients take, as far as a server runs here that could
// answer.
func checkReach(ctx context.Context, s *config.Settings) (all []Finding) {
	serves := serverRuns(ctx, s.Listen)
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

// examinePublicURL tells whether what stands in tokens leads here.
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
		return Finding{Check: check, State: OK, Found: u.Hostname() + " resolves; whether it leads here can be told once the server runs"}
	}
	if err := probeHTTP(ctx, u.JoinPath("healthz").String()); err != nil {
		return Finding{check, Warning, "it leads to no Rostrum, seen from here: " + err.Error(),
			"see that what stands before the server hands " + string(s.PublicURL) + " on to " + string(s.Listen) + ", or correct public_url; compositions need it on this machine too"}
	}
	return Finding{Check: check, State: OK, Found: string(s.PublicURL) + " leads to a Rostrum"}
}

// answersOK asks a URL. The certificate is looked at by a check of its own.
func probeHTTP(ctx context.Context, at string) error {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New("it answers " + answer.Status)
	}
	return nil
}

// examineMediaReach asks the media port of the running server at each address that clients
// are told of, by UDP and by TCP.
func checkMediaReach(ctx context.Context, s *config.Settings) Finding {
	const check = "media reach"
	if s.MediaPort == 0 {
		return Finding{Check: check, State: Unknown, Found: "the media port is any free one"}
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
					fmt.Sprintf("open port %d for it, hand it on where public_ip points, or correct public_ip; a router that doesn't lead back to its own address looks the same from here", s.MediaPort)}
			}
		}
		ways = append(ways, ip.String())
	}
	return Finding{Check: check, State: OK, Found: strings.Join(ways, ", ") + " answer by UDP and TCP"}
}

// answersSTUN asks which address the other end sees (RFC 8489 §2.2). It asks again, for the
// server sends strangers no more bytes than they sent.
func probeSTUN(conn net.Conn) error {
	request := make([]byte, 20)
	binary.BigEndian.PutUint16(request, 0x0001)
	binary.BigEndian.PutUint32(request[4:], 0x2112a442)
	_, _ = rand.Read(request[8:])
	answer := make([]byte, 1500)
	var err error
	for range 4 {
		if _, err = conn.Write(request); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(probeTimeout / 4))
		var n int
		if n, err = conn.Read(answer); err == nil {
			if n < 20 || binary.BigEndian.Uint16(answer) != 0x0101 || string(answer[4:20]) != string(request[4:]) {
				return errors.New("something else answers")
			}
			return nil
		}
	}
	return err
}

// examineTrust tells whether clients that know the usual authorities take the certificate.
func checkTrust(s *config.Settings, now time.Time) Finding {
	const check = "TLS trust"
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: "the certificate can't be read"}
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Intermediates: between, CurrentTime: now}); err != nil {
		return Finding{check, Warning, err.Error() + ": browsers refuse it, as TURN over TLS", "set tls_cert to the full chain, issued by an authority that clients know"}
	}
	return Finding{Check: check, State: OK, Found: "issued by " + pair.Leaf.Issuer.CommonName}
}

// examineTURNS tells whether clients of networks that let nothing but HTTPS out can reach
// media.
func checkTURNS(ctx context.Context, s *config.Settings, serves bool) Finding {
	const check = "TURN over TLS"
	if !s.HasTLS() {
		if s.Listen.IsLoopback() {
			return Finding{Check: check, State: OK, Found: "not needed: only this machine reaches the server"}
		}
		return Finding{check, Warning, "there is none: clients whose network lets nothing but HTTPS out get no media", "set domain, or tls_cert and tls_key with listen or turns_listen at port 443"}
	}
	at := s.Listen
	if s.TURNSListen != "" {
		at = s.TURNSListen
	}
	_, port, _ := net.SplitHostPort(string(at)) // an address has been checked
	if serves && port != "0" {
		if err := probeTURNS(ctx, s, at.DialAddress()); err != nil {
			return Finding{check, Broken, "no answer at " + string(at) + ": " + err.Error(), "let nothing stand between that speaks HTTP alone, or set turns_listen to an address of its own"}
		}
	}
	if reached := turnsPort(s, port); reached != "443" {
		return Finding{check, Warning, "it is at port " + reached + ", and strict networks let only 443 out", "set listen or turns_listen to port 443"}
	}
	return Finding{Check: check, State: OK, Found: "at " + string(at)}
}

// turnsPort is the port by which clients reach TURN over TLS, where an address with another
// is bound behind something that hands it on.
func turnsPort(s *config.Settings, bound string) string {
	if u, err := url.Parse(string(s.PublicURL)); s.TURNSListen == "" && err == nil && u.Scheme == "https" {
		return config.HTTPSPort(string(s.PublicURL))
	}
	if _, err := strconv.ParseUint(bound, 10, 16); err != nil {
		return "any"
	}
	return bound
}

func probeTURNS(ctx context.Context, s *config.Settings, at string) error {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: probeTimeout}, Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"stun.turn"}}}
	conn, err := dialer.DialContext(ctx, "tcp", at)
	if err != nil {
		return err
	}
	defer conn.Close()
	return probeSTUN(conn)
}
