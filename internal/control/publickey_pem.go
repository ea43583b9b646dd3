package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // the fingerprint of the service's API; nothing depends on its strength
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"rostrum/ivsrealtime"
)

// parsePublicKey checks that material is the PEM of an ECDSA P-384 key, as
// participant tokens need it (ES384), and returns its fingerprint: MD5 of the DER
// SubjectPublicKeyInfo as colon-separated lower-case hex.
func parsePublicKey(material string) (fingerprint string, err error) {
	bad := func(what string) (string, error) {
		return "", ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "publicKeyMaterial %s", what)
	}
	block, rest := pem.Decode([]byte(material))
	if block == nil || block.Type != "PUBLIC KEY" {
		return bad("is not a PEM block of type PUBLIC KEY")
	}
	if strings.TrimSpace(string(rest)) != "" {
		return bad("has data after its PEM block")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return bad("is not a public key in SubjectPublicKeyInfo form (RFC 5280)")
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok || ec.Curve != elliptic.P384() {
		return bad("must be an ECDSA key on the curve P-384 (secp384r1)")
	}
	sum := md5.Sum(block.Bytes) //nolint:gosec // see above
	var pairs []string
	for _, b := range sum {
		pairs = append(pairs, hex.EncodeToString([]byte{b}))
	}
	return strings.Join(pairs, ":"), nil
}
