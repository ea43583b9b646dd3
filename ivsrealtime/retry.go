package ivsrealtime

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

const (
	// defaultMaxAttempts counts the first one too, as the official SDKs do.
	defaultMaxAttempts = 3

	// maxRetryAfter is the longest pause the client takes because it was asked
	// to. A server that asks for more gets no retry, and the caller its wish as
	// the error's RetryAfter.
	maxRetryAfter = time.Minute

	// Base delays before the first retry. A throttled caller is one of many and
	// stays away for longer than one whose connection broke.
	throttledDelay = time.Second
	brokenDelay    = 50 * time.Millisecond
	maxDelay       = 20 * time.Second
)

// newRetryer makes the policy all calls of a client share. Both modes have one
// retry quota, which a failing service empties and successes fill, so that
// retries never multiply the load on a service in trouble; adaptive mode
// moreover slows down the attempts themselves after a throttling answer.
func newRetryer(mode aws.RetryMode, maxAttempts int) aws.RetryerV2 {
	standard := func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.Backoff = retry.BackoffDelayerFunc(backOff)
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary { return aws.BoolTernary(transient(err)) })}
		o.Throttles = throttles
	}
	if mode == aws.RetryModeAdaptive {
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.Throttles = throttles
			o.StandardOptions = []func(*retry.StandardOptions){standard}
		})
	}
	return retry.NewStandard(standard)
}

var throttles = []retry.IsErrorThrottle{
	retry.IsErrorThrottleFunc(func(err error) aws.Ternary { return aws.BoolTernary(throttled(err)) }),
}

// backOff draws a delay between nothing and a bound that doubles with each
// attempt (“full jitter”): callers that failed together don't return together.
func backOff(attempt int, err error) (time.Duration, error) {
	bound := brokenDelay
	if throttled(err) {
		bound = throttledDelay
	}
	for range attempt - 1 {
		bound = min(2*bound, maxDelay)
	}
	return rand.N(bound) + 1, nil
}

// throttled reports an answer that says “too many requests”, in any of the
// words the service and those in front of it use.
func throttled(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	_, named := retry.DefaultThrottleErrorCodes[string(e.Code)]
	return named || e.StatusCode == http.StatusTooManyRequests
}

// transient reports whether the same request may well succeed a moment later.
func transient(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		_, failing := retry.DefaultRetryableHTTPStatusCodes[e.StatusCode]
		_, named := retry.DefaultRetryableErrorCodes[string(e.Code)]
		return failing || named || throttled(err)
	}
	var late *timeoutError
	if errors.As(err, &late) {
		return true // an attempt's: when the call's time is over nobody asks
	}
	var broken *transportError
	return errors.As(err, &broken) && !hopeless(broken)
}

// hopeless reports a connection that fails the same way next time: a name that
// does not exist, a certificate that is not trusted, a server that speaks no TLS.
func hopeless(err error) bool {
	var (
		name    *net.DNSError
		untrust *tls.CertificateVerificationError
		notTLS  tls.RecordHeaderError
		host    x509.HostnameError
		signer  x509.UnknownAuthorityError
	)
	return errors.As(err, &name) && name.IsNotFound ||
		errors.As(err, &untrust) || errors.As(err, &notTLS) || errors.As(err, &host) || errors.As(err, &signer)
}

// pause waits until attempt n, which failed with err, may be followed by
// another, and gives the function that is told how that one went. When there is
// to be no other it returns the error of the call.
func (c *Client) pause(ctx context.Context, n int, err error) (settle func(error) error, stop error) {
	if ctx.Err() != nil {
		return nil, interrupted(ctx, err)
	}
	if !c.retryer.IsErrorRetryable(err) || n >= c.retryer.MaxAttempts() {
		return nil, err
	}
	delay, delayErr := c.retryer.RetryDelay(n, err)
	if delayErr != nil {
		return nil, errors.Join(err, delayErr)
	}
	var e *Error
	if errors.As(err, &e) {
		if e.RetryAfter > maxRetryAfter {
			return nil, err
		}
		delay += e.RetryAfter // never earlier than asked; the jitter comes on top
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= delay {
		return nil, fmt.Errorf("%w (no time is left to try again in %v)", err, delay)
	}
	settle, quota := c.retryer.GetRetryToken(ctx, err)
	if quota != nil {
		return nil, fmt.Errorf("%w (not tried again: too many calls are failing, the retry quota is used up)", err)
	}
	if sleep(ctx, delay) != nil {
		return nil, interrupted(ctx, err)
	}
	return settle, nil
}

// interrupted is the error of a call whose context ended after an attempt had failed.
func interrupted(ctx context.Context, last error) error {
	end := ended(ctx)
	if errors.Is(last, end) {
		return last
	}
	return fmt.Errorf("%w, after %w", end, last)
}
