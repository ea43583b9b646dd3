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

	// maxRetryAfter bounds the pause that a server can demand. If it demands more,
	// the call fails and the error has the RetryAfter.
	maxRetryAfter = time.Minute

	// Base delays before the first retry: longer after throttling than after a
	// network failure.
	throttledDelay = time.Second
	brokenDelay    = 50 * time.Millisecond
	maxDelay       = 20 * time.Second
)

// newRetryer returns the retry policy of a client. Both modes have a retry quota,
// which failures use up and successes refill, so that retries don't multiply the
// load on a failing service; adaptive mode also limits the rate of attempts after
// throttling.
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

// backOff returns a random delay up to a bound that doubles with each attempt
// ("full jitter").
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

// throttled reports whether the service, or a proxy, throttled the request.
func throttled(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	_, named := retry.DefaultThrottleErrorCodes[string(e.Code)]
	return named || e.StatusCode == http.StatusTooManyRequests
}

// transient reports whether a retry may succeed.
func transient(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		_, failing := retry.DefaultRetryableHTTPStatusCodes[e.StatusCode]
		_, named := retry.DefaultRetryableErrorCodes[string(e.Code)]
		return failing || named || throttled(err)
	}
	var late *timeoutError
	if errors.As(err, &late) {
		return true // an attempt's timeout; after the call's there are no retries
	}
	var broken *transportError
	return errors.As(err, &broken) && !permanent(broken)
}

// permanent reports connection failures that a retry does not change: a name that
// does not exist, an untrusted certificate, a server without TLS.
func permanent(err error) bool {
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

// pause waits before the attempt that follows n, which failed with err. It returns
// a function to report the result of that attempt, or the error of the call if
// there is no further attempt.
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
		delay += e.RetryAfter // not earlier than demanded, plus the jitter
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
	end := contextError(ctx)
	if errors.Is(last, end) {
		return last
	}
	return fmt.Errorf("%w, after %w", end, last)
}
