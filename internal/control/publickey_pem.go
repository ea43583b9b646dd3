package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // a short name of the key for people, as the service shows it; nothing trusts it
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"rostrum/ivsrealtime"
)

// parsePublicKey reads the PEM of an ECDSA P-384 key, the only kind that
// participant tokens are signed with (ES384), and makes its fingerprint: MD5 of
// the DER SubjectPublicKeyInfo as colon-separated lower-case hex.
func parsePublicKey(material string) (fingerprint string, err error) {
	bad := func(what string) (string, error) {
		return "", ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "publicKeyMaterial %s", what)
	}
	block, rest := pem.Decode([]byte(material))
	if block == nil || block.Type != "PUBLIC KEY" {
		return bad("is no PEM block of type PUBLIC KEY")
	}
	if strings.TrimSpace(string(rest)) != "" {
		return bad("has something after its PEM block")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return bad("is no public key in SubjectPublicKeyInfo form (RFC 5280)")
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
