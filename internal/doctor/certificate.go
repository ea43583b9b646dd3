package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"time"

	"rostrum/internal/config"
)

// expiryWarning is how long before its expiry a certificate gives a warning.
const expiryWarning = 14 * 24 * time.Hour

// checkCertificate checks the files of a certificate.
func checkCertificate(s *config.Settings, now time.Time) Finding {
	const check = "TLS certificate"
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return Finding{check, Broken, err.Error(), "set tls_cert and tls_key to a pair of PEM files"}
	}
	leaf := pair.Leaf
	end := leaf.NotAfter.Format(time.DateOnly)
	switch {
	case now.After(leaf.NotAfter):
		return Finding{check, Broken, "it expired on " + end, "renew it"}
	case now.Before(leaf.NotBefore):
		return Finding{check, Broken, "it is not valid before " + leaf.NotBefore.Format(time.DateOnly), "check the clock"}
	}
	if u, err := url.Parse(string(s.PublicURL)); err == nil && u.Hostname() != "" {
		if err := leaf.VerifyHostname(u.Hostname()); err != nil {
			return Finding{check, Broken, err.Error(), "set public_url to a name of the certificate"}
		}
	}
	if now.Add(expiryWarning).After(leaf.NotAfter) {
		return Finding{check, Warning, "it expires on " + end, "renew it"}
	}
	return Finding{Check: check, State: OK, Found: "it is valid until " + end}
}

// checkTrust checks whether the authorities of this system sign the certificate.
func checkTrust(s *config.Settings, now time.Time) Finding {
	const check = "TLS trust"
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: "the certificate cannot be read"}
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Intermediates: between, CurrentTime: now}); err != nil {
		return Finding{check, Warning, err.Error() + ": browsers refuse it, also for TURN over TLS", "set tls_cert to the full chain, issued by an authority that clients trust"}
	}
	return Finding{Check: check, State: OK, Found: "issued by " + pair.Leaf.Issuer.CommonName}
}
