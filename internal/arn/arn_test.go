package arn

import (
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

func TestParse_RefusesWhatIsNoARN(t *testing.T) {
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
