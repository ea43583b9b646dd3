package ivsrealtime_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rostrum/internal/sigv4"
	"rostrum/ivsrealtime"
)

func ok() *http.Response { return answer(200, "{}") }

func TestRetry_OnlyTransientFailures(t *testing.T) {
	broken := func(err error) func() (*http.Response, error) {
		return func() (*http.Response, error) { return nil, err }
	}
	for name, c := range map[string]struct {
		first    func() (*http.Response, error)
		requests int
	}{
		"a throttling answer":               {with(func() *http.Response { return refusal(400, ivsrealtime.Throttling) }), 2},
		"a throttling answer of a proxy":    {with(func() *http.Response { return answer(429, "slow down") }), 2},
		"a throttling answer of another":    {with(func() *http.Response { return refusal(400, "TooManyRequestsException") }), 2},
		"a server's failure":                {with(func() *http.Response { return refusal(500, ivsrealtime.InternalServerError) }), 2},
		"a gateway's failure":               {with(func() *http.Response { return answer(502, "<html>") }), 2},
		"a server that is busy":             {with(func() *http.Response { return refusal(503, ivsrealtime.ServiceUnavailable) }), 2},
		"a request that took long":          {with(func() *http.Response { return refusal(408, ivsrealtime.RequestTimeout) }), 2},
		"a connection that broke":           {broken(&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}), 2},
		"an answer that broke":              {broken(io.ErrUnexpectedEOF), 2},
		"a body that broke":                 {with(func() *http.Response { r := ok(); r.Body = io.NopCloser(brokenReader{}); return r }), 2},
		"a name that does not exist":        {broken(&net.DNSError{IsNotFound: true}), 1},
		"a certificate that is not trusted": {broken(x509.UnknownAuthorityError{}), 1},
		"a mistake of the caller":           {with(func() *http.Response { return refusal(400, ivsrealtime.ValidationFailed) }), 1},
		"a quota":                           {with(func() *http.Response { return refusal(402, ivsrealtime.ServiceQuotaExceeded) }), 1},
		"a conflict":                        {with(func() *http.Response { return refusal(409, ivsrealtime.Conflict) }), 1},
		"what is not implemented":           {with(func() *http.Response { return answer(501, "{}") }), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, asked := inTurn(c.first, with(ok))
				_, err := built(t, builder(f)).ListStages(context.Background(), nil)
				if *asked != c.requests || (err == nil) != (c.requests == 2) {
					t.Errorf("got %v after %d requests, expected %d", err, *asked, c.requests)
				}
			})
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRetry_EndsWithTheLastErrorAfterMaxAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []ivsrealtime.Attempt
		var result ivsrealtime.CallResult
		f, asked := inTurn(with(func() *http.Response { return refusal(503, ivsrealtime.ServiceUnavailable) }))
		client := built(t, builder(f).MaxAttempts(5).Interceptors(ivsrealtime.Interceptor{
			AfterAttempt: func(_ context.Context, a ivsrealtime.Attempt) { attempts = append(attempts, a) },
			AfterCall:    func(_ context.Context, r ivsrealtime.CallResult) { result = r },
		}))
		_, err := client.ListStages(context.Background(), nil)
		const want = "ListStages: after 5 attempts: ServiceUnavailable: because (status 503, request req-1)"
		if err == nil || err.Error() != want || *asked != 5 {
			t.Errorf("got %q after %d requests, expected %q after 5", err, *asked, want)
		}
		if len(attempts) != 5 || attempts[4].Number != 5 || attempts[4].InvocationID != attempts[0].InvocationID || attempts[4].StatusCode != 503 || attempts[4].Err == nil {
			t.Errorf("got the attempts %+v", attempts)
		}
		if result.Attempts != 5 || !errors.Is(result.Err, err) {
			t.Errorf("got the result %+v", result)
		}
	})
}

func TestRetry_ObeysRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		headers        []string
		least, maximum time.Duration // nothing is waited when both are 0
	}{
		"in seconds":                  {[]string{"Retry-After", "7"}, 7 * time.Second, 8 * time.Second},
		"in milliseconds":             {[]string{"x-amz-retry-after", "2500", "Retry-After", "7"}, 2500 * time.Millisecond, 3500 * time.Millisecond},
		"until a time by its clock":   {[]string{"Date", "Wed, 01 Jul 2026 10:00:00 GMT", "Retry-After", "Wed, 01 Jul 2026 10:00:09 GMT"}, 9 * time.Second, 10 * time.Second},
		"until a time gone by":        {[]string{"Date", "Wed, 01 Jul 2026 10:00:00 GMT", "Retry-After", "Wed, 01 Jul 2026 09:00:00 GMT"}, 0, time.Second},
		"in words nobody understands": {[]string{"Retry-After", "soon"}, 0, time.Second},
		"in less than nothing":        {[]string{"Retry-After", "-5"}, 0, time.Second},
		"for longer than is sensible": {[]string{"Retry-After", "61"}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, asked := inTurn(with(func() *http.Response { return refusal(429, ivsrealtime.Throttling, c.headers...) }), with(ok))
				begun := time.Now()
				_, err := built(t, builder(f)).ListStages(context.Background(), nil)
				if took := time.Since(begun); took < c.least || took > c.maximum {
					t.Errorf("waited for %v, expected between %v and %v", took, c.least, c.maximum)
				}
				var e *ivsrealtime.Error
				if c.maximum == 0 && (!errors.As(err, &e) || e.RetryAfter != 61*time.Second || *asked != 1) {
					t.Errorf("got %v after %d requests, expected RetryAfter after 1", err, *asked)
				}
			})
		})
	}
}

func TestRetry_BacksOffWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		f := fake(func(*http.Request) (*http.Response, error) {
			at = append(at, time.Now())
			return refusal(500, ivsrealtime.InternalServerError), nil
		})
		seen := map[time.Duration]bool{}
		for range 20 {
			at = nil
			if _, err := built(t, builder(f).MaxAttempts(4)).ListStages(context.Background(), nil); err == nil {
				t.Fatal("got success")
			}
			for i, bound := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond} {
				pause := at[i+1].Sub(at[i])
				if pause > bound || seen[pause] {
					t.Errorf("pause %d is %v, expected at most %v and another each time", i, pause, bound)
				}
				seen[pause] = true
			}
		}
	})
}

func TestRetry_QuotaBoundsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, asked := inTurn(with(func() *http.Response { return refusal(500, ivsrealtime.InternalServerError) }))
		client := built(t, builder(f))
		var err error
		for range 200 {
			_, err = client.ListStages(context.Background(), nil)
		}
		// The quota of 500 pays for 100 retries at 5 each.
		if *asked != 300 || !errors.Is(err, ivsrealtime.InternalServerError) || !strings.Contains(err.Error(), "retry quota") {
			t.Errorf("200 calls made %d requests, expected 300; the last failed with %v", *asked, err)
		}
	})
}

func TestRetry_AdaptiveModeLimitsTheRateAfterThrottling(t *testing.T) {
	for mode, requests := range map[aws.RetryMode]int{aws.RetryModeStandard: 2, aws.RetryModeAdaptive: 1} {
		// On the real clock: the limiter of the AWS library turns in a circle when
		// a rounding error leaves it a wait of nothing and no time passes.
		f, asked := inTurn(with(func() *http.Response { return refusal(429, ivsrealtime.Throttling) }), with(ok))
		client := built(t, builder(f).RetryMode(mode).MaxAttempts(1))
		if _, err := client.ListStages(context.Background(), nil); !errors.Is(err, ivsrealtime.Throttling) {
			t.Errorf("%v: got %v, expected to be throttled", mode, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		_, err := client.ListStages(ctx, nil)
		cancel()
		if held := errors.Is(err, context.DeadlineExceeded); *asked != requests || held != (mode == aws.RetryModeAdaptive) {
			t.Errorf("%v: got %v after %d requests, expected %d", mode, err, *asked, requests)
		}
	}
}

// hanging answers only when its request is given up.
var hanging = fake(func(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
})

func TestTimeouts(t *testing.T) {
	for name, c := range map[string]struct {
		builder func(*ivsrealtime.ClientBuilder) *ivsrealtime.ClientBuilder
		ctx     time.Duration
		took    time.Duration // and up to a second of pauses
		says    string
	}{
		"of each attempt": {
			func(b *ivsrealtime.ClientBuilder) *ivsrealtime.ClientBuilder {
				return b.AttemptTimeout(5 * time.Second)
			},
			0, 15 * time.Second, "ListStages: after 3 attempts: the attempt took longer than its limit of 5s",
		},
		"of each attempt by default": {
			func(b *ivsrealtime.ClientBuilder) *ivsrealtime.ClientBuilder { return b.MaxAttempts(1) },
			0, 30 * time.Second, "ListStages: the attempt took longer than its limit of 30s",
		},
		"of the call": {
			func(b *ivsrealtime.ClientBuilder) *ivsrealtime.ClientBuilder {
				return b.AttemptTimeout(5 * time.Second).CallTimeout(7 * time.Second)
			},
			0, 7 * time.Second, "the call took longer than its limit of 7s",
		},
		"of the context": {
			func(b *ivsrealtime.ClientBuilder) *ivsrealtime.ClientBuilder { return b.AttemptTimeout(0) },
			3 * time.Second, 3 * time.Second, "ListStages: context deadline exceeded",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := context.Background()
				if c.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.ctx)
					defer cancel()
				}
				begun := time.Now()
				_, err := built(t, c.builder(builder(hanging))).ListStages(ctx, nil)
				if took := time.Since(begun); took < c.took || took > c.took+time.Second {
					t.Errorf("took %v, expected %v", took, c.took)
				}
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %q, expected %q", err, c.says)
				}
			})
		})
	}
}

func TestCancel_EndsTheCallInEachPhase(t *testing.T) {
	for name, f := range map[string]fake{
		"waiting for the answer": hanging,
		"waiting to try again": func(*http.Request) (*http.Response, error) {
			return refusal(503, ivsrealtime.ServiceUnavailable, "Retry-After", "30"), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(3*time.Second, cancel)
				begun := time.Now()
				_, err := built(t, builder(f)).ListStages(ctx, nil)
				if took := time.Since(begun); took != 3*time.Second || !errors.Is(err, context.Canceled) {
					t.Errorf("got %v after %v, expected to be cancelled after 3s", err, took)
				}
			})
		})
	}
}

func TestRetry_DoesNotWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := inTurn(with(func() *http.Response { return refusal(503, ivsrealtime.ServiceUnavailable, "Retry-After", "30") }))
		begun := time.Now()
		_, err := built(t, builder(f).CallTimeout(10*time.Second)).ListStages(context.Background(), nil)
		if !errors.Is(err, ivsrealtime.ServiceUnavailable) || time.Since(begun) != 0 {
			t.Errorf("got %v after %v, expected the server's error at once", err, time.Since(begun))
		}
	})
}

// skewed is a server whose clock is ahead of ours, and which verifies signatures.
func skewed(t *testing.T, ahead time.Duration, code ivsrealtime.Code, date bool) (fake, func() int) {
	now := func() time.Time { return time.Now().Add(ahead) }
	verifier := sigv4.NewVerifier("ivs", func(context.Context, string) (sigv4.Key, bool, error) {
		return sigv4.Key{Secret: secretKey}, true, nil
	}, sigv4.Config{Now: now})
	var mu sync.Mutex
	n := 0
	return func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			n++
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			in := r.Clone(r.Context())
			in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
			if _, err := verifier.Verify(in, body); err != nil {
				h := []string{}
				if date {
					h = []string{"Date", now().UTC().Format(http.TimeFormat)}
				}
				return refusal(403, code, h...), nil
			}
			return ok(), nil
		}, func() int {
			mu.Lock()
			defer mu.Unlock()
			return n
		}
}

func TestClock_SkewIsCorrectedOnceAndRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		ahead      time.Duration
		code       ivsrealtime.Code
		date       bool
		max        int
		works      bool
		first, all int // requests of the first call, and of three
	}{
		"ahead":                               {time.Hour, ivsrealtime.InvalidSignature, true, 3, true, 2, 4},
		"behind":                              {-time.Hour, "RequestTimeTooSkewed", true, 3, true, 2, 4},
		"without other retries":               {time.Hour, ivsrealtime.InvalidSignature, true, 1, true, 2, 4},
		"not when the clocks agree":           {time.Minute, ivsrealtime.InvalidSignature, true, 3, true, 1, 3},
		"not when the server tells no time":   {time.Hour, ivsrealtime.InvalidSignature, false, 3, false, 1, 3},
		"not when the error is another thing": {time.Hour, ivsrealtime.ResourceNotFound, true, 3, false, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, asked := skewed(t, c.ahead, c.code, c.date)
				client := built(t, builder(f).MaxAttempts(c.max))
				_, err := client.ListStages(context.Background(), nil)
				if (err == nil) != c.works || asked() != c.first {
					t.Errorf("got %v after %d requests, expected success: %t, after %d", err, asked(), c.works, c.first)
				}
				for range 2 {
					_, _ = client.ListStages(context.Background(), nil)
				}
				if asked() != c.all {
					t.Errorf("three calls made %d requests, expected %d", asked(), c.all)
				}
			})
		})
	}
}

func TestClock_SkewIsNotAssumedForAWrongKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		f := fake(func(*http.Request) (*http.Response, error) {
			n++ // refuses whatever the time
			return refusal(403, ivsrealtime.InvalidSignature, "Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), nil
		})
		_, err := built(t, builder(f)).ListStages(context.Background(), nil)
		if !errors.Is(err, ivsrealtime.InvalidSignature) || n != 2 {
			t.Errorf("got %v after %d requests, expected the refusal after 2", err, n)
		}
	})
}
