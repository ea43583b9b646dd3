package ivsrealtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// serviceID is the service's name in AWS configuration: the environment spells
// it AWS_ENDPOINT_URL_IVS_REALTIME, a profile's services section ivs_realtime.
const serviceID = "IVS RealTime"

var userAgent = fmt.Sprintf("rostrum-ivsrealtime-go (%s; %s/%s)", runtime.Version(), runtime.GOOS, runtime.GOARCH)

// findings is what the standard chain makes of the wishes.
type findings struct {
	region      string
	endpoint    string
	overridden  bool
	credentials aws.CredentialsProvider
	httpClient  aws.HTTPClient
	release     func()
	retryMode   aws.RetryMode
	maxAttempts int
}

// chain looks up what was not given where all AWS SDKs look for it.
func (w *wishes) chain(ctx context.Context) (findings, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(w.region), config.WithSharedConfigProfile(w.profile)}
	if w.credentials != nil {
		options = append(options, config.WithCredentialsProvider(w.credentials))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if missing := (config.SharedConfigProfileNotExistError{}); errors.As(err, &missing) {
		return findings{}, &SettingError{"Profile", fmt.Sprintf("is %q, which the shared configuration files don't have", missing.Profile)}
	}
	if err != nil {
		return findings{}, fmt.Errorf("read the AWS configuration: %w", err)
	}
	f := findings{
		region:      c.Region,
		credentials: c.Credentials,
		httpClient:  w.httpClient,
		retryMode:   cmp.Or(w.retryMode, c.RetryMode, aws.RetryModeStandard),
		maxAttempts: cmp.Or(deref(w.maxAttempts), c.RetryMaxAttempts, defaultMaxAttempts),
	}
	if f.region == "" {
		return findings{}, &SettingError{"Region", "is missing; give it, or set AWS_REGION or the profile's region"}
	}
	if !hostLabel(f.region) {
		return findings{}, &SettingError{"Region", fmt.Sprintf("is %q in the environment or the profile, must be a region's name like eu-west-1", f.region)}
	}
	if f.httpClient == nil {
		f.httpClient, f.release = ownHTTPClient(c.HTTPClient)
	}
	if f.endpoint, f.overridden, err = w.endpointIn(ctx, c); err != nil {
		return findings{}, err
	}
	return f, nil
}

// endpointIn is the address to send to, and whether somebody chose it.
func (w *wishes) endpointIn(ctx context.Context, c aws.Config) (string, bool, error) {
	if w.endpoint != "" {
		return w.endpoint, true, nil
	}
	configured, err := configuredEndpoint(ctx, c)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("read the configured endpoint: %w", err)
	case configured == "":
		return "https://ivsrealtime." + c.Region + ".amazonaws.com", false, nil
	}
	if problem := endpointProblem(configured); problem != "" {
		return "", false, &SettingError{"EndpointOverride", fmt.Sprintf("is %q in the environment or the profile, %s", configured, problem)}
	}
	return configured, true, nil
}

// configuredEndpoint is the one that the environment or the profile names for
// this service, or for all services; empty when there is none or they are told
// to be ignored.
func configuredEndpoint(ctx context.Context, c aws.Config) (string, error) {
	ignored, _, err := config.GetIgnoreConfiguredEndpoints(ctx, c.ConfigSources)
	if err != nil || ignored {
		return "", err
	}
	for _, source := range c.ConfigSources {
		s, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, serviceID string) (string, bool, error)
		})
		if !ok {
			continue
		}
		if address, found, err := s.GetServiceBaseEndpoint(ctx, serviceID); err != nil || found {
			return address, err
		}
	}
	return aws.ToString(c.BaseEndpoint), nil
}

// ownHTTPClient makes a client of what the chain found, which knows the
// certificates of AWS_CA_BUNDLE. A redirect would carry a signature to an
// address it was not made for, so none is followed.
func ownHTTPClient(found aws.HTTPClient) (aws.HTTPClient, func()) {
	buildable, ok := found.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	transport := buildable.GetTransport()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns // one host is all there is
	own := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return own, own.CloseIdleConnections
}
