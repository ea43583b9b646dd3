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

// A ClientBuilder makes a [Client]. What is not set comes from where AWS SDKs
// look for it, so that
//
//	client, err := ivsrealtime.NewClientBuilder().Build(ctx)
//
// is all that most programs need. A builder may be used again: a client keeps
// the settings it was built with.
type ClientBuilder struct {
	BaseClientBuilder[*ClientBuilder]
}

// NewClientBuilder begins a [Client]. It sets nothing yet.
func NewClientBuilder() *ClientBuilder {
	b := &ClientBuilder{}
	b.self = b
	return b
}

// Build makes the client. It reads the environment and the shared files, but
// sends nothing; missing credentials show at the first call. A setting that
// makes no sense, or one that is needed and found nowhere, is a [*SettingError];
// several are joined.
func (b *ClientBuilder) Build(ctx context.Context) (*Client, error) {
	configuration, err := b.resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("build client: %w", err)
	}
	return newClient(configuration), nil
}

// A BaseClientBuilder holds the settings that all clients share. It is not made
// by itself: [NewClientBuilder] and [NewAsyncClientBuilder] bring it along, and
// B is the builder that its methods give back.
type BaseClientBuilder[B any] struct {
	self B
	wish wishes
}

// wishes are the settings that were given; nil and empty leave them to the
// environment and to the defaults.
type wishes struct {
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

// Profile names the profile of the shared configuration files to read. Unset,
// it is AWS_PROFILE, and failing that “default”.
func (b *BaseClientBuilder[B]) Profile(name string) B {
	b.wish.profile = name
	return b.self
}

// Region sets the region that requests are signed for and, without an endpoint
// override, sent to. Unset, it is AWS_REGION, AWS_DEFAULT_REGION or the
// profile's.
func (b *BaseClientBuilder[B]) Region(region string) B {
	b.wish.region = region
	return b.self
}

// EndpointOverride sets the address that requests are sent to, as the one of a
// Rostrum: “http://127.0.0.1:7080”. It may have a path, to which those of the
// operations are added. Unset, it is AWS_ENDPOINT_URL_IVS_REALTIME,
// AWS_ENDPOINT_URL, the profile's endpoint_url for this service or in general,
// and else the service's own in the region.
func (b *BaseClientBuilder[B]) EndpointOverride(url string) B {
	b.wish.endpoint = url
	return b.self
}

// CredentialsProvider sets who gives the keys that sign requests. Unset, it is
// the standard chain: environment, shared files, single sign-on, web identity,
// container and machine.
func (b *BaseClientBuilder[B]) CredentialsProvider(p aws.CredentialsProvider) B {
	b.wish.credentials = p
	return b.self
}

// HTTPClient sets who sends the requests, as an [net/http.Client]. Unset, the
// client makes its own, which keeps connections open, honours the proxy
// variables and AWS_CA_BUNDLE and follows no redirect.
func (b *BaseClientBuilder[B]) HTTPClient(c aws.HTTPClient) B {
	b.wish.httpClient = c
	return b.self
}

// RetryMode sets how failed attempts are followed by others:
// aws.RetryModeStandard backs off with jitter, aws.RetryModeAdaptive moreover
// slows all calls of the client down while it is being throttled. Unset, it is
// AWS_RETRY_MODE or the profile's retry_mode, and failing that standard.
func (b *BaseClientBuilder[B]) RetryMode(mode aws.RetryMode) B {
	b.wish.retryMode = mode
	return b.self
}

// MaxAttempts sets the most requests one call makes, the first included: 1
// means no retries. Unset, it is AWS_MAX_ATTEMPTS or the profile's
// max_attempts, and failing that 3.
func (b *BaseClientBuilder[B]) MaxAttempts(n int) B {
	b.wish.maxAttempts = &n
	return b.self
}

// AttemptTimeout bounds each attempt, from connecting to the last byte of the
// answer; an attempt that takes longer is retried. 0 means no bound. The
// default is 30 seconds.
func (b *BaseClientBuilder[B]) AttemptTimeout(d time.Duration) B {
	b.wish.attemptTimeout = &d
	return b.self
}

// CallTimeout bounds each call with all its retries and the pauses between
// them. 0, the default, leaves that to the call's context.
func (b *BaseClientBuilder[B]) CallTimeout(d time.Duration) B {
	b.wish.callTimeout = &d
	return b.self
}

// Interceptors adds hooks that are called around every call, after those added
// before.
func (b *BaseClientBuilder[B]) Interceptors(more ...Interceptor) B {
	b.wish.interceptors = append(b.wish.interceptors, more...)
	return b.self
}

// UserAgent sets words that are added to the User-Agent header, as the name and
// version of an application: “concierge/2.1”.
func (b *BaseClientBuilder[B]) UserAgent(suffix string) B {
	b.wish.userAgent = suffix
	return b.self
}

// A SettingError tells which setting of a builder makes no sense, or is needed
// and was found nowhere.
type SettingError struct {
	Setting string // the builder's method: Region
	Problem string // the predicate of a sentence about it
}

// Error is the setting and its problem.
func (e *SettingError) Error() string { return "setting " + e.Setting + " " + e.Problem }

// check holds what was given against reason; the error joins a [*SettingError] for each.
func (w *wishes) check() error {
	var all []error
	refuse := func(bad bool, setting, format string, args ...any) {
		if bad {
			all = append(all, &SettingError{setting, fmt.Sprintf(format, args...)})
		}
	}
	refuse(w.region != "" && !hostLabel(w.region), "Region", "is %q, must be a region's name like eu-west-1", w.region)
	if w.endpoint != "" {
		problem := endpointProblem(w.endpoint)
		refuse(problem != "", "EndpointOverride", "is %q, %s", w.endpoint, problem)
	}
	refuse(w.retryMode != "" && w.retryMode != aws.RetryModeStandard && w.retryMode != aws.RetryModeAdaptive,
		"RetryMode", "is %q, must be %s or %s", w.retryMode, aws.RetryModeStandard, aws.RetryModeAdaptive)
	refuse(w.maxAttempts != nil && *w.maxAttempts < 1, "MaxAttempts", "is %d, must be at least 1", deref(w.maxAttempts))
	refuse(deref(w.attemptTimeout) < 0, "AttemptTimeout", "is %v, must not be negative", deref(w.attemptTimeout))
	refuse(deref(w.callTimeout) < 0, "CallTimeout", "is %v, must not be negative", deref(w.callTimeout))
	refuse(strings.ContainsFunc(w.userAgent, unprintable), "UserAgent", "is %q, must be printable ASCII", w.userAgent)
	return errors.Join(all...)
}

// endpointProblem tells why an address can't be an endpoint; empty when it can.
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

// resolve makes the settings in force out of what was given, the environment
// and the defaults.
func (b *BaseClientBuilder[B]) resolve(ctx context.Context) (ServiceClientConfiguration, error) {
	w := b.wish
	if err := w.check(); err != nil {
		return ServiceClientConfiguration{}, err
	}
	found, err := w.chain(ctx)
	if err != nil {
		return ServiceClientConfiguration{}, err
	}
	s := ServiceClientConfiguration{
		region: found.region, endpoint: strings.TrimRight(found.endpoint, "/"), overridden: found.overridden,
		credentials: found.credentials, httpClient: found.httpClient, release: found.release,
		retryMode: found.retryMode, maxAttempts: found.maxAttempts,
		attemptTimeout: 30 * time.Second, callTimeout: deref(w.callTimeout),
		interceptors: slices.Clone(w.interceptors), userAgent: strings.TrimSpace(userAgent + " " + w.userAgent),
	}
	if w.attemptTimeout != nil {
		s.attemptTimeout = *w.attemptTimeout
	}
	return s, nil
}
