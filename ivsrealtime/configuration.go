package ivsrealtime

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A ServiceClientConfiguration holds the settings in force on a client. It is a
// value that nobody can change: to have other settings, build another client.
type ServiceClientConfiguration struct {
	region         string
	endpoint       string // without a slash at its end
	overridden     bool
	credentials    aws.CredentialsProvider
	httpClient     aws.HTTPClient
	release        func() // closes idle connections of our own HTTP client; nil when it was given
	retryMode      aws.RetryMode
	maxAttempts    int
	attemptTimeout time.Duration
	callTimeout    time.Duration
	interceptors   []Interceptor
	userAgent      string

	maxConcurrency int // of an AsyncClient, else 0
	maxPending     int
}

// Region is the region that requests are signed for.
func (s ServiceClientConfiguration) Region() string { return s.region }

// Endpoint is the address that requests are sent to.
func (s ServiceClientConfiguration) Endpoint() string { return s.endpoint }

// EndpointOverridden reports whether Endpoint was given, by the builder, the
// environment or the profile, rather than made from the region.
func (s ServiceClientConfiguration) EndpointOverridden() bool { return s.overridden }

// CredentialsProvider is asked for the keys that sign each request.
func (s ServiceClientConfiguration) CredentialsProvider() aws.CredentialsProvider {
	return s.credentials
}

// HTTPClient sends the requests.
func (s ServiceClientConfiguration) HTTPClient() aws.HTTPClient { return s.httpClient }

// RetryMode is aws.RetryModeStandard or aws.RetryModeAdaptive.
func (s ServiceClientConfiguration) RetryMode() aws.RetryMode { return s.retryMode }

// MaxAttempts is the most requests one call makes, the first included.
func (s ServiceClientConfiguration) MaxAttempts() int { return s.maxAttempts }

// AttemptTimeout bounds one attempt; 0 when nothing but the call's context does.
func (s ServiceClientConfiguration) AttemptTimeout() time.Duration { return s.attemptTimeout }

// CallTimeout bounds one call with its retries; 0 when nothing but its context does.
func (s ServiceClientConfiguration) CallTimeout() time.Duration { return s.callTimeout }

// Interceptors are the hooks of all calls, in their order.
func (s ServiceClientConfiguration) Interceptors() []Interceptor { return slices.Clone(s.interceptors) }

// UserAgent is the User-Agent header of all requests.
func (s ServiceClientConfiguration) UserAgent() string { return s.userAgent }

// MaxConcurrency is the most calls an [AsyncClient] has under way at once; 0
// for a [Client], whose callers decide that themselves.
func (s ServiceClientConfiguration) MaxConcurrency() int { return s.maxConcurrency }

// MaxPending is the most calls of an [AsyncClient] that may wait for their turn
// besides; 0 for a [Client].
func (s ServiceClientConfiguration) MaxPending() int { return s.maxPending }
