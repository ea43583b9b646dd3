package sigv4

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestScreen_RefusesWhatVerifyRefusesWithAnyBody(t *testing.T) {
	for _, c := range []struct {
		name   string
		order  order
		change func(*http.Request)
		code   string // empty if it passes
	}{
		{"as signed", order{}, nil, ""},
		{"another signature, which only the body shows", order{}, func(r *http.Request) {
			authorization := r.Header.Get("Authorization")
			r.Header.Set("Authorization", authorization[:len(authorization)-64]+strings.Repeat("0", 64))
		}, ""},
		{"no signature", order{}, func(r *http.Request) { r.Header.Del("Authorization") }, MissingAuthenticationToken},
		{"another service", order{service: "s3"}, nil, InvalidSignature},
		{"another time", order{at: testNow.Add(-time.Hour)}, nil, InvalidSignature},
		{"an unknown key", order{creds: aws.Credentials{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}}, nil, UnrecognizedClient},
	} {
		r, _ := c.order.sign(t)
		if c.change != nil {
			c.change(r)
		}
		err := testVerifier().Screen(r)
		if c.code != "" {
			t.Run(c.name, func(t *testing.T) { wantError(t, err, c.code, "") })
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestScreen_HandsOnTheLookupsError(t *testing.T) {
	r, _ := order{creds: aws.Credentials{AccessKeyID: "AKIABROKEN", SecretAccessKey: "x"}}.sign(t)
	if err := testVerifier().Screen(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the lookup's error", err)
	}
}
