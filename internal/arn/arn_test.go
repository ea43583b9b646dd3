package arn

import (
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestParse_ReadsWhatStringWrites(t *testing.T) {
	for _, typ := range []Type{Stage, Composition, EncoderConfiguration, StorageConfiguration, IngestConfiguration, PublicKey, Channel, StreamKey} {
		want := New(typ, "123456789012", "eu-west-1")
		got, err := Parse(want.String())
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v, expected %+v", want, got, err, want)
		}
	}
}

func TestParse_RefusesOtherText(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":               "",
		"another service":       "arn:aws:s3:us-east-1:123456789012:stage/abc",
		"another partition":     "arn:aws-cn:ivs:us-east-1:123456789012:stage/abc",
		"no id":                 "arn:aws:ivs:us-east-1:123456789012:stage/",
		"no slash":              "arn:aws:ivs:us-east-1:123456789012:stage",
		"no account":            "arn:aws:ivs:us-east-1::stage/abc",
		"an account of letters": "arn:aws:ivs:us-east-1:acct:stage/abc",
		"no region":             "arn:aws:ivs::123456789012:stage/abc",
		"a second slash":        "arn:aws:ivs:us-east-1:123456789012:stage/a/b",
		"a path in the id":      "arn:aws:ivs:us-east-1:123456789012:stage/..",
		"a newline":             "arn:aws:ivs:us-east-1:123456789012:stage/abc\n",
		"too long":              "arn:aws:ivs:us-east-1:123456789012:stage/" + strings.Repeat("a", 128),
	} {
		if got, err := Parse(s); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: Parse(%q) = %+v, %v, expected ErrSyntax", name, s, got, err)
		}
	}
}

func TestIDs_HaveTheLengthsOfTheService(t *testing.T) {
	for id, pattern := range map[string]string{
		NewID():        `^[a-zA-Z0-9]{12}$`,
		NewSessionID(): `^st-[a-zA-Z0-9]{13}$`,
		NewSecret(32):  `^[a-zA-Z0-9]{32}$`,
	} {
		if !regexp.MustCompile(pattern).MatchString(id) {
			t.Errorf("minted %q, expected %s", id, pattern)
		}
	}
}

func TestParse_TakesUpTo128Bytes(t *testing.T) {
	const prefix = "arn:aws:ivs:us-east-1:123456789012:stage/"
	longest := prefix + strings.Repeat("a", 128-len(prefix))
	if _, err := Parse(longest); err != nil {
		t.Errorf("128 bytes: %v", err)
	}
	if _, err := Parse(longest + "a"); !errors.Is(err, ErrSyntax) {
		t.Errorf("129 bytes: %v, expected ErrSyntax", err)
	}
}

// counter stands in for randomness: 255, 254 and so on.
type counter struct{ next byte }

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		c.next--
		b[i] = c.next
	}
	return len(b), nil
}

func TestSecrets_FavourNoCharacter(t *testing.T) {
	was := rand.Reader
	t.Cleanup(func() { rand.Reader = was })
	rand.Reader = new(counter)
	// 256 is no multiple of 62: the bytes from 248 on are left out, and 247 is the last character.
	if got := NewSecret(4); got != "9876" {
		t.Errorf("from the bytes 255, 254, …: got %q, expected 9876", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("arn:aws:ivs:us-east-1:123456789012:stage/AbCdEf123456")
	f.Add("arn:aws:ivs:::/")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err == nil && a.String() != s {
			t.Errorf("Parse(%q) reads %q", s, a)
		}
	})
}
