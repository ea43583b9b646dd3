// Package arn makes and parses resource ARNs, and makes the ids of sessions,
// participants and destinations.
package arn

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// A Type is the type of resource in an ARN.
type Type string

// The types of resources of the `ivs` namespace that Rostrum has.
const (
	Stage                Type = "stage"
	Composition          Type = "composition"
	EncoderConfiguration Type = "encoder-configuration"
	StorageConfiguration Type = "storage-configuration"
	IngestConfiguration  Type = "ingest-configuration"
	PublicKey            Type = "public-key"
	Channel              Type = "channel"
	StreamKey            Type = "stream-key"
)

// An ARN is the name of a resource: arn:aws:ivs:<region>:<account>:<type>/<id>.
type ARN struct {
	Region  string
	Account string
	Type    Type
	ID      string
}

// String returns the ARN as text.
func (a ARN) String() string {
	return "arn:aws:ivs:" + a.Region + ":" + a.Account + ":" + string(a.Type) + "/" + a.ID
}

// ErrSyntax is the error of Parse for anything but an ARN of the service.
var ErrSyntax = errors.New("is not an ARN of the form arn:aws:ivs:region:account:type/id")

// Parse parses an ARN. The error wraps ErrSyntax. It does not contain the value,
// which may be long.
func Parse(s string) (ARN, error) {
	const prefix = "arn:aws:ivs:"
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(s) > 128 {
		return ARN{}, fmt.Errorf("parse arn: %w", ErrSyntax)
	}
	region, rest, ok1 := strings.Cut(rest, ":")
	account, rest, ok2 := strings.Cut(rest, ":")
	kind, id, ok3 := strings.Cut(rest, "/")
	if !ok1 || !ok2 || !ok3 ||
		!only(region, lower+digits+"-") || !only(account, digits) || !only(kind, lower+"-") || !only(id, lower+upper+digits+"-") {
		return ARN{}, fmt.Errorf("parse arn: %w", ErrSyntax)
	}
	return ARN{Region: region, Account: account, Type: Type(kind), ID: id}, nil
}

// HasNewForm reports whether New could have made the ARN, as opposed to text of another kind in
// its place.
func (a ARN) HasNewForm() bool {
	_, err := Parse(a.String())
	return err == nil && len(a.ID) == idLength
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// only reports whether s is not empty and has only characters of the alphabet.
func only(s, alphabet string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune(alphabet, r)
	})
}

// Lengths of ids, as in the service's examples.
const (
	idLength      = 12
	sessionLength = 13 // after st-
)

// New returns the ARN of a new resource.
func New(t Type, account, region string) ARN {
	return ARN{Region: region, Account: account, Type: t, ID: NewID()}
}

// NewID returns the id of a resource, a participant or a destination: 12
// alphanumerics, 71 random bits.
func NewID() string { return random(idLength) }

// NewSessionID returns the id of a stage session: st- and 13 alphanumerics.
func NewSessionID() string { return "st-" + random(sessionLength) }

// NewSecret returns a secret of n alphanumerics, 5.95 random bits each.
func NewSecret(n int) string { return random(n) }

func random(n int) string {
	const alphabet = lower + upper + digits
	out := make([]byte, 0, n)
	var buf [32]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails (crypto/rand)
		for _, b := range buf {
			const fair = 256 - 256%len(alphabet) // larger values would favor the first letters
			if int(b) < fair && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}
