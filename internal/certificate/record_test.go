package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

func TestRecord_Due(t *testing.T) {
	day := 24 * time.Hour
	now := time.Now()
	held := &tls.Certificate{Leaf: &x509.Certificate{NotBefore: now.Add(-10 * day), NotAfter: now.Add(80 * day)}}
	for says, c := range map[string]struct {
		of   record
		held *tls.Certificate
		want time.Time
	}{
		"at once without a certificate":                   {record{}, nil, time.Time{}},
		"after two thirds of its life":                    {record{}, held, now.Add(50 * day)},
		"not before the pause after a failure":            {record{Failed: &Failure{Next: now.Add(time.Minute)}}, nil, now.Add(time.Minute)},
		"a failure that was long ago changes nothing":     {record{Failed: &Failure{Next: now}}, held, now.Add(50 * day)},
		"not while a node asks":                           {record{Claim: &claim{Until: now.Add(time.Minute)}}, nil, now.Add(time.Minute)},
		"not at once where clocks make a new one old":     {record{Obtained: now.Add(40 * day)}, held, now.Add(70 * day)},
		"as always where the authority dates a bit back":  {record{Obtained: now.Add(-10*day + time.Hour)}, held, now.Add(50 * day)},
		"the later one of what stands in the way decides": {record{Failed: &Failure{Next: now.Add(2 * time.Minute)}, Claim: &claim{Until: now.Add(time.Minute)}}, nil, now.Add(2 * time.Minute)},
	} {
		if due := c.of.due(c.held); !due.Equal(c.want) {
			t.Errorf("%s: due at %v, expected %v", says, due, c.want)
		}
	}
}

func TestFailure_PauseDoubles(t *testing.T) {
	k := &Manager{cfg: Config{Pause: time.Minute}}
	now := time.Now()
	for count, want := range map[int]time.Duration{
		1: time.Minute, 2: 2 * time.Minute, 3: 4 * time.Minute, 7: time.Hour, 1000: time.Hour,
	} {
		if f := k.failure(errors.New("no"), count, now); f.Next.Sub(now) != want || f.Limited {
			t.Errorf("after %d failures: %v, expected %v", count, f.Next.Sub(now), want)
		}
	}
	limited := &acme.Error{ProblemType: "urn:ietf:params:acme:error:rateLimited", Header: http.Header{"Retry-After": {"999999999"}}}
	if f := k.failure(fmt.Errorf("order: %w", limited), 1, now); f.Next.Sub(now) != maxPause || !f.Limited {
		t.Errorf("told to come back in thirty years: %v, expected %v", f.Next.Sub(now), maxPause)
	}
}

func TestRemedy_FollowsTheProblemType(t *testing.T) {
	problem := func(kind string) *acme.Error {
		return &acme.Error{ProblemType: "urn:ietf:params:acme:error:" + kind}
	}
	for says, c := range map[string]struct {
		err  error
		want string
	}{
		"its first look":     {&acme.AuthorizationError{Errors: []error{problem("dns")}}, remedies["dns"]},
		"the order":          {fmt.Errorf("wait: %w", &acme.OrderError{Problem: problem("caa")}), remedies["caa"]},
		"a request":          {fmt.Errorf("order: %w", problem("rateLimited")), remedies["rateLimited"]},
		"something new":      {problem("weather"), ""},
		"nothing, our fault": {errors.New("no key"), ""},
	} {
		if got := remedy(c.err); got != c.want {
			t.Errorf("%s: %q, expected %q", says, got, c.want)
		}
	}
}
