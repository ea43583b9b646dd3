package ivsrealtime

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A CallOption changes a setting of the client for one call:
//
//	var result ivsrealtime.CallResult
//	out, err := client.GetStage(ctx, in, ivsrealtime.WithCallTimeout(time.Second), ivsrealtime.WithResult(&result))
//
// An invalid one fails the call with a [*SettingError]. Connections, the retry quota and the
// known clock skew remain those of the client. Options of an iterator apply to the call of each
// page.
type CallOption func(*callSettings)

// callSettings are the settings of one call; what is not set is as the client has it.
type callSettings struct {
	settings
	header http.Header
	result *CallResult
}

// WithRegion sets the region of the signature and, without an endpoint override, of the endpoint.
func WithRegion(region string) CallOption {
	return func(s *callSettings) { s.region = region }
}

// WithCredentialsProvider sets the provider of the access key, for example of another account.
func WithCredentialsProvider(p aws.CredentialsProvider) CallOption {
	return func(s *callSettings) { s.credentials = p }
}

// WithMaxAttempts sets the maximum number of attempts, including the first: 1 means no retries.
func WithMaxAttempts(n int) CallOption {
	return func(s *callSettings) { s.maxAttempts = &n }
}

// WithAttemptTimeout bounds each attempt; 0 means no timeout.
func WithAttemptTimeout(d time.Duration) CallOption {
	return func(s *callSettings) { s.attemptTimeout = &d }
}

// WithCallTimeout bounds the call with its retries and the pauses between them; 0 means that only
// its context does.
func WithCallTimeout(d time.Duration) CallOption {
	return func(s *callSettings) { s.callTimeout = &d }
}

// WithHeader sets a header of all attempts, which is signed. Interceptors see it, and may change
// it.
func WithHeader(key, value string) CallOption {
	return func(s *callSettings) {
		if s.header == nil {
			s.header = http.Header{}
		}
		s.header.Set(key, value)
	}
}

// WithResult fills result when the call ends, whether it succeeded or not: with the id of the
// request, as in the server's log, and the number of attempts. It is not filled by calls that fail
// before their first attempt. An AsyncClient fills it before the call is done.
func WithResult(result *CallResult) CallOption {
	return func(s *callSettings) { s.result = result }
}

// with returns a client with the settings of one call; it shares all state.
func (c *Client) with(options []CallOption) (*Client, error) {
	if len(options) == 0 {
		return c, nil
	}
	s := &callSettings{}
	for _, option := range options {
		option(s)
	}
	err := s.check()
	for key, values := range s.header {
		switch {
		case !headerName(key):
			err = errors.Join(err, &SettingError{"Header", fmt.Sprintf("is %q, which is no name of a header", key)})
		case strings.ContainsFunc(strings.Join(values, ""), unprintable):
			err = errors.Join(err, &SettingError{"Header", fmt.Sprintf("is %q, whose value is not printable ASCII", key)})
		}
	}
	if err != nil {
		return nil, err
	}
	of := &Client{configuration: c.configuration, retryer: c.retryer, signer: c.signer, shared: c.shared, header: s.header, result: s.result}
	to := &of.configuration
	if s.region != "" {
		to.region = s.region
		if !to.overridden {
			to.endpoint = defaultEndpoint(s.region)
		}
	}
	if s.credentials != nil {
		to.credentials = s.credentials
	}
	if s.maxAttempts != nil {
		to.maxAttempts = *s.maxAttempts
		of.retryer = limited{c.retryer, *s.maxAttempts}
	}
	if s.attemptTimeout != nil {
		to.attemptTimeout = *s.attemptTimeout
	}
	if s.callTimeout != nil {
		to.callTimeout = *s.callTimeout
	}
	return of, nil
}

// limited is a retryer with another maximum, which shares the quota.
type limited struct {
	aws.RetryerV2
	maxAttempts int
}

// MaxAttempts implements aws.Retryer.
func (r limited) MaxAttempts() int { return r.maxAttempts }

// headerName reports whether s is a token of HTTP (RFC 9110 §5.6.2).
func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}
