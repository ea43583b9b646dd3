// Package arn makes and reads the names of things: resource ARNs, and the ids
// of sessions, participants and destinations.
package arn

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// A Type is the kind of resource an ARN names.
type Type string

// The types of resource in the `ivs` ARN namespace that Rostrum keeps.
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

// An ARN is a resource's name: arn:aws:ivs:<region>:<account>:<type>/<id>.
type ARN struct {
	Region  string
	Account string
	Type    Type
	ID      string
}

// String writes the ARN as it stands on the wire.
func (a ARN) String() string {
	return "arn:aws:ivs:" + a.Region + ":" + a.Account + ":" + string(a.Type) + "/" + a.ID
}

// ErrSyntax is what Parse answers to anything that is no ARN of the service.
var ErrSyntax = errors.New("is no ARN of the form arn:aws:ivs:region:account:type/id")

// Parse reads an ARN. The error wraps ErrSyntax and doesn't repeat a value that
// may be long.
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

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// only reports whether s is not empty and made of these characters alone.
func only(s, alphabet string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune(alphabet, r)
	})
}

// Lengths of the ids, as the service's samples show them.
const (
	idLength      = 12
	sessionLength = 13 // after st-
)

// New mints the ARN of a new resource.
func New(t Type, account, region string) ARN {
	return ARN{Region: region, Account: account, Type: t, ID: NewID()}
}

// NewID mints the id of a resource, a participant or a destination: 12
// alphanumerics, 71 random bits.
func NewID() string { return random(idLength) }

// NewSessionID mints the id of a stage session: st- and 13 alphanumerics.
func NewSessionID() string { return "st-" + random(sessionLength) }

// NewSecret mints a secret of n alphanumerics, 5.95 random bits each.
func NewSecret(n int) string { return random(n) }

func random(n int) string {
	const alphabet = lower + upper + digits
	out := make([]byte, 0, n)
	var buf [32]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails (crypto/rand)
		for _, b := range buf {
			const fair = 256 - 256%len(alphabet) // above it the first letters would come more often
			if int(b) < fair && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}
