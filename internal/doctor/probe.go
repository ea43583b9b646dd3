package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"time"
)

// probeTimeout bounds one probe of a server.
const probeTimeout = 2 * time.Second

// tryTCP binds an address, and frees it.
func tryTCP(ctx context.Context, network, at string) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, network, at)
	if err != nil {
		return err
	}
	return l.Close()
}

func tryUDP(ctx context.Context, network, at string) error {
	var config net.ListenConfig
	l, err := config.ListenPacket(ctx, network, at)
	if err != nil {
		return err
	}
	return l.Close()
}

// probeHTTP requests a URL. It does not verify the certificate, for which there is a check.
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

// probeSTUN sends a binding request (RFC 8489 §2.2). It sends several, because the server
// sends to unknown clients no more bytes than they sent.
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
				return errors.New("the answer is not STUN")
			}
			return nil
		}
	}
	return err
}

// probeTURNS sends a binding request over TLS.
func probeTURNS(ctx context.Context, at string) error {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: probeTimeout}, Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"stun.turn"}}}
	conn, err := dialer.DialContext(ctx, "tcp", at)
	if err != nil {
		return err
	}
	defer conn.Close()
	return probeSTUN(conn)
}

// fetchCertificate returns the certificate for a name at an address.
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
