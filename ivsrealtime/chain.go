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

// serviceID is the service's name in AWS configuration:
// AWS_ENDPOINT_URL_IVS_REALTIME in the environment, ivs_realtime in the services
// section of a profile.
const serviceID = "IVS RealTime"

var userAgent = fmt.Sprintf("rostrum-ivsrealtime-go (%s; %s/%s)", runtime.Version(), runtime.GOOS, runtime.GOARCH)

// sources is the result of the standard chain.
type sources struct {
	region      string
	endpoint    string
	overridden  bool
	credentials aws.CredentialsProvider
	httpClient  aws.HTTPClient
	release     func()
	retryMode   aws.RetryMode
	maxAttempts int
}

// chain reads settings that were not given, from the sources of all AWS SDKs.
func (s *settings) chain(ctx context.Context) (sources, error) {
	c, err := s.load(ctx)
	if missing := (config.SharedConfigProfileNotExistError{}); errors.As(err, &missing) {
		return sources{}, &SettingError{"Profile", fmt.Sprintf("is %q, which the shared configuration files don't have", missing.Profile)}
	}
	if err != nil {
		return sources{}, fmt.Errorf("read the AWS configuration: %w", err)
	}
	f := sources{
		region:      c.Region,
		credentials: c.Credentials,
		httpClient:  s.httpClient,
		retryMode:   cmp.Or(s.retryMode, c.RetryMode, aws.RetryModeStandard),
		maxAttempts: cmp.Or(deref(s.maxAttempts), c.RetryMaxAttempts, defaultMaxAttempts),
	}
	if f.region == "" {
		return sources{}, &SettingError{"Region", "is missing; give it, or set AWS_REGION or the profile's region"}
	}
	if !hostLabel(f.region) {
		return sources{}, &SettingError{"Region", fmt.Sprintf("is %q in the environment or the profile, must be a region's name like eu-west-1", f.region)}
	}
	if f.credentials == nil {
		return sources{}, &SettingError{"CredentialsProvider", "is missing; give it, or a configuration that has one"}
	}
	if _, buildable := c.HTTPClient.(*awshttp.BuildableClient); f.httpClient == nil && s.config != nil && c.HTTPClient != nil && !buildable {
		f.httpClient = c.HTTPClient
	}
	if f.httpClient == nil {
		f.httpClient, f.release = ownHTTPClient(c.HTTPClient)
	}
	if f.endpoint, f.overridden, err = s.endpointIn(ctx, c); err != nil {
		return sources{}, err
	}
	return f, nil
}

// load returns the given configuration, or that of the environment and the shared files.
func (s *settings) load(ctx context.Context) (aws.Config, error) {
	if s.config != nil {
		c := s.config.Copy()
		c.Region = cmp.Or(s.region, c.Region)
		if s.credentials != nil {
			c.Credentials = s.credentials
		}
		return c, nil
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(s.region), config.WithSharedConfigProfile(s.profile)}
	if s.credentials != nil {
		options = append(options, config.WithCredentialsProvider(s.credentials))
	}
	return config.LoadDefaultConfig(ctx, options...)
}

// endpointIn returns the endpoint, and whether it was configured.
func (s *settings) endpointIn(ctx context.Context, c aws.Config) (string, bool, error) {
	if s.endpoint != "" {
		return s.endpoint, true, nil
	}
	configured, err := configuredEndpoint(ctx, c)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("read the configured endpoint: %w", err)
	case configured == "":
		return defaultEndpoint(c.Region), false, nil
	}
	if problem := endpointProblem(configured); problem != "" {
		return "", false, &SettingError{"EndpointOverride", fmt.Sprintf("is %q in the environment or the profile, %s", configured, problem)}
	}
	return configured, true, nil
}

// defaultEndpoint is that of Amazon's service.
func defaultEndpoint(region string) string { return "https://ivsrealtime." + region + ".amazonaws.com" }

// configuredEndpoint returns the endpoint for this service, or for all services,
// in the environment or the profile; empty if there is none or such settings are
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

// ownHTTPClient returns the default HTTP client, with the certificates of
// AWS_CA_BUNDLE. It follows no redirects: the signature is for one address.
func ownHTTPClient(found aws.HTTPClient) (aws.HTTPClient, func()) {
	buildable, ok := found.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	transport := buildable.GetTransport()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns // there is only one host
	own := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return own, own.CloseIdleConnections
}
