package ivsrealtime

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A ClientBuilder builds a [Client]. Settings that are not set come from the
// environment and the shared files, as in AWS SDKs, so that
//
//	client, err := ivsrealtime.NewClientBuilder().Build(ctx)
//
// is enough for most programs. A builder may be used again: clients keep the
// settings that they were built with.
type ClientBuilder struct {
	BaseClientBuilder[*ClientBuilder]
}

// NewClientBuilder returns a builder without settings.
func NewClientBuilder() *ClientBuilder {
	b := &ClientBuilder{}
	b.self = b
	return b
}

// Build builds the client. It reads the environment and the shared files, and
// sends nothing: missing credentials are an error of the first call. An invalid
// or missing setting is a [*SettingError]; several are joined.
func (b *ClientBuilder) Build(ctx context.Context) (*Client, error) {
	configuration, err := b.resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("build client: %w", err)
	}
	return newClient(configuration), nil
}

// A BaseClientBuilder has the settings that all clients share. It is embedded in
// the builders of [NewClientBuilder] and [NewAsyncClientBuilder]; its methods
// return the builder, B.
type BaseClientBuilder[B any] struct {
	self  B
	given settings
}

// settings are the given settings; nil and empty are not set.
type settings struct {
	config         *aws.Config
	profile        string
	region         string
	endpoint       string
	credentials    aws.CredentialsProvider
	httpClient     aws.HTTPClient
	retryMode      aws.RetryMode
	maxAttempts    *int
	attemptTimeout *time.Duration
	callTimeout    *time.Duration
	interceptors   []Interceptor
	userAgent      string
}

// FromConfig takes region, credentials, HTTP client, endpoint and retries, as far as no other
// method sets them, from the configuration that a program has for its other clients of AWS, in
// place of the environment and the shared files:
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	…
//	client, err := ivsrealtime.NewClientBuilder().FromConfig(cfg).Build(ctx)
func (b *BaseClientBuilder[B]) FromConfig(c aws.Config) B {
	b.given.config = &c
	return b.self
}

// Profile sets the profile of the shared configuration files. Default: AWS_PROFILE,
// or "default".
func (b *BaseClientBuilder[B]) Profile(name string) B {
	b.given.profile = name
	return b.self
}

// Region sets the region of signatures and, without an endpoint override, of the
// endpoint. Default: AWS_REGION, AWS_DEFAULT_REGION or the profile's.
func (b *BaseClientBuilder[B]) Region(region string) B {
	b.given.region = region
	return b.self
}

// EndpointOverride sets the URL of the service, for example of a Rostrum server:
// "http://127.0.0.1:7080". Its path, if any, is put before the paths of operations.
// Default: AWS_ENDPOINT_URL_IVS_REALTIME, AWS_ENDPOINT_URL, the profile's
// endpoint_url for this service or in general, or the AWS endpoint of the region.
func (b *BaseClientBuilder[B]) EndpointOverride(url string) B {
	b.given.endpoint = url
	return b.self
}

// CredentialsProvider sets the provider of access keys. Default: the standard chain
// of environment, shared files, single sign-on, web identity, container and
// instance.
func (b *BaseClientBuilder[B]) CredentialsProvider(p aws.CredentialsProvider) B {
	b.given.credentials = p
	return b.self
}

// HTTPClient sets the HTTP client, for example a [net/http.Client]. The default one
// keeps connections open, uses the proxy variables and AWS_CA_BUNDLE, and follows
// no redirects.
func (b *BaseClientBuilder[B]) HTTPClient(c aws.HTTPClient) B {
	b.given.httpClient = c
	return b.self
}

// RetryMode sets how failed attempts are retried: aws.RetryModeStandard backs off
// with jitter, aws.RetryModeAdaptive also limits the rate of all calls while the
// client is throttled. Default: AWS_RETRY_MODE or the profile's retry_mode, or
// standard.
func (b *BaseClientBuilder[B]) RetryMode(mode aws.RetryMode) B {
	b.given.retryMode = mode
	return b.self
}

// MaxAttempts sets the maximum number of attempts of a call, including the first:
// 1 means no retries. Default: AWS_MAX_ATTEMPTS or the profile's max_attempts, or
// 3.
func (b *BaseClientBuilder[B]) MaxAttempts(n int) B {
	b.given.maxAttempts = &n
	return b.self
}

// AttemptTimeout bounds each attempt, from connecting to the last byte of the
// response. An attempt that exceeds it is retried. 0 means no timeout. The default
// is 30 seconds.
func (b *BaseClientBuilder[B]) AttemptTimeout(d time.Duration) B {
	b.given.attemptTimeout = &d
	return b.self
}

// CallTimeout bounds each call with its retries and the pauses between them. The
// default is 0: only the call's context bounds it.
func (b *BaseClientBuilder[B]) CallTimeout(d time.Duration) B {
	b.given.callTimeout = &d
	return b.self
}

// Interceptors adds interceptors, after those added before.
func (b *BaseClientBuilder[B]) Interceptors(more ...Interceptor) B {
	b.given.interceptors = append(b.given.interceptors, more...)
	return b.self
}

// UserAgent sets text that is added to the User-Agent header, for example name and
// version of an application: "myapp/2.1".
func (b *BaseClientBuilder[B]) UserAgent(suffix string) B {
	b.given.userAgent = suffix
	return b.self
}

// A SettingError is an invalid or missing setting of a builder.
type SettingError struct {
	Setting string // method of the builder: Region
	Problem string // predicate of a sentence about the setting
}

// Error implements error.
func (e *SettingError) Error() string { return "setting " + e.Setting + " " + e.Problem }

// check validates the given settings; the error joins a [*SettingError] for each
// problem.
func (s *settings) check() error {
	var all []error
	refuse := func(bad bool, setting, format string, args ...any) {
		if bad {
			all = append(all, &SettingError{setting, fmt.Sprintf(format, args...)})
		}
	}
	refuse(s.config != nil && s.profile != "", "Profile", "is %q, and FromConfig has read its profile: give one of them", s.profile)
	refuse(s.region != "" && !hostLabel(s.region), "Region", "is %q, must be a region's name like eu-west-1", s.region)
	if s.endpoint != "" {
		problem := endpointProblem(s.endpoint)
		refuse(problem != "", "EndpointOverride", "is %q, %s", s.endpoint, problem)
	}
	refuse(s.retryMode != "" && s.retryMode != aws.RetryModeStandard && s.retryMode != aws.RetryModeAdaptive,
		"RetryMode", "is %q, must be %s or %s", s.retryMode, aws.RetryModeStandard, aws.RetryModeAdaptive)
	refuse(s.maxAttempts != nil && *s.maxAttempts < 1, "MaxAttempts", "is %d, must be at least 1", deref(s.maxAttempts))
	refuse(deref(s.attemptTimeout) < 0, "AttemptTimeout", "is %v, must not be negative", deref(s.attemptTimeout))
	refuse(deref(s.callTimeout) < 0, "CallTimeout", "is %v, must not be negative", deref(s.callTimeout))
	refuse(strings.ContainsFunc(s.userAgent, unprintable), "UserAgent", "is %q, must be printable ASCII", s.userAgent)
	return errors.Join(all...)
}

// endpointProblem returns the problem with an endpoint URL; empty if it is valid.
func endpointProblem(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "which is no URL"
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "must be like https://host or http://host:port/path"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil:
		return "must have no user, query or fragment"
	}
	return ""
}

// hostLabel reports whether s can be one label of a host name (RFC 1123 §2.1).
func hostLabel(s string) bool {
	return len(s) <= 63 && !strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-") &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
		})
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// resolve returns the effective settings, from the given ones, the environment and
// the defaults.
func (b *BaseClientBuilder[B]) resolve(ctx context.Context) (ServiceClientConfiguration, error) {
	given := b.given
	if err := given.check(); err != nil {
		return ServiceClientConfiguration{}, err
	}
	found, err := given.chain(ctx)
	if err != nil {
		return ServiceClientConfiguration{}, err
	}
	s := ServiceClientConfiguration{
		region: found.region, endpoint: strings.TrimRight(found.endpoint, "/"), overridden: found.overridden,
		credentials: found.credentials, httpClient: found.httpClient, release: found.release,
		retryMode: found.retryMode, maxAttempts: found.maxAttempts,
		attemptTimeout: 30 * time.Second, callTimeout: deref(given.callTimeout),
		interceptors: slices.Clone(given.interceptors), userAgent: strings.TrimSpace(userAgent + " " + given.userAgent),
	}
	if given.attemptTimeout != nil {
		s.attemptTimeout = *given.attemptTimeout
	}
	return s, nil
}
