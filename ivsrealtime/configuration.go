package ivsrealtime

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A ServiceClientConfiguration has the effective settings of a client. They can't
// be changed: build another client for other settings.
type ServiceClientConfiguration struct {
	region         string
	endpoint       string // without a trailing slash
	overridden     bool
	credentials    aws.CredentialsProvider
	httpClient     aws.HTTPClient
	release        func() // closes idle connections of the default HTTP client; nil if it was given
	retryMode      aws.RetryMode
	maxAttempts    int
	attemptTimeout time.Duration
	callTimeout    time.Duration
	interceptors   []Interceptor
	userAgent      string

	maxConcurrency int // of an AsyncClient, else 0
	maxPending     int
}

// Region is the region of signatures.
func (s ServiceClientConfiguration) Region() string { return s.region }

// Endpoint is the URL of the service.
func (s ServiceClientConfiguration) Endpoint() string { return s.endpoint }

// EndpointOverridden reports whether Endpoint was configured, by the builder, the
// environment or the profile, and not derived from the region.
func (s ServiceClientConfiguration) EndpointOverridden() bool { return s.overridden }

// CredentialsProvider provides the access keys for signatures.
func (s ServiceClientConfiguration) CredentialsProvider() aws.CredentialsProvider {
	return s.credentials
}

// HTTPClient sends the requests.
func (s ServiceClientConfiguration) HTTPClient() aws.HTTPClient { return s.httpClient }

// RetryMode is aws.RetryModeStandard or aws.RetryModeAdaptive.
func (s ServiceClientConfiguration) RetryMode() aws.RetryMode { return s.retryMode }

// MaxAttempts is the maximum number of attempts of a call, including the first.
func (s ServiceClientConfiguration) MaxAttempts() int { return s.maxAttempts }

// AttemptTimeout bounds one attempt; 0 means that only the call's context does.
func (s ServiceClientConfiguration) AttemptTimeout() time.Duration { return s.attemptTimeout }

// CallTimeout bounds one call with its retries; 0 means that only its context does.
func (s ServiceClientConfiguration) CallTimeout() time.Duration { return s.callTimeout }

// Interceptors are the interceptors, in order.
func (s ServiceClientConfiguration) Interceptors() []Interceptor { return slices.Clone(s.interceptors) }

// UserAgent is the User-Agent header of all requests.
func (s ServiceClientConfiguration) UserAgent() string { return s.userAgent }

// MaxConcurrency is the maximum number of calls in flight of an [AsyncClient]; 0
// for a [Client].
func (s ServiceClientConfiguration) MaxConcurrency() int { return s.maxConcurrency }

// MaxPending is the maximum number of queued calls of an [AsyncClient]; 0 for a
// [Client].
func (s ServiceClientConfiguration) MaxPending() int { return s.maxPending }
