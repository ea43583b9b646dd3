package ivsrealtime_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
)

func TestBuild_NamesTheInvalidSetting(t *testing.T) {
	for want, b := range map[string]*ivsrealtime.ClientBuilder{
		"setting Region is missing; give it, or set AWS_REGION or the profile's region":                    ivsrealtime.NewClientBuilder(),
		`setting Region is "evil.example/", must be a region's name like eu-west-1`:                        ivsrealtime.NewClientBuilder().Region("evil.example/"),
		`setting EndpointOverride is "localhost:7080", must be like https://host or http://host:port/path`: ivsrealtime.NewClientBuilder().EndpointOverride("localhost:7080"),
		`setting EndpointOverride is "http://a b", which is no URL`:                                        ivsrealtime.NewClientBuilder().EndpointOverride("http://a b"),
		`setting EndpointOverride is "https://h/?a=b", must have no user, query or fragment`:               ivsrealtime.NewClientBuilder().EndpointOverride("https://h/?a=b"),
		`setting RetryMode is "eager", must be standard or adaptive`:                                       ivsrealtime.NewClientBuilder().RetryMode("eager"),
		"setting MaxAttempts is 0, must be at least 1":                                                     ivsrealtime.NewClientBuilder().MaxAttempts(0),
		"setting AttemptTimeout is -1s, must not be negative":                                              ivsrealtime.NewClientBuilder().AttemptTimeout(-time.Second),
		"setting CallTimeout is -1s, must not be negative":                                                 ivsrealtime.NewClientBuilder().CallTimeout(-time.Second),
		`setting UserAgent is "a\r\nb", must be printable ASCII`:                                           ivsrealtime.NewClientBuilder().UserAgent("a\r\nb"),
		`setting Profile is "nobody", which the shared configuration files don't have`:                     ivsrealtime.NewClientBuilder().Profile("nobody"),
		"setting MaxAttempts is -1, must be at least 1\nsetting CallTimeout is -1ns, must not be negative": ivsrealtime.NewClientBuilder().MaxAttempts(-1).CallTimeout(-1),
	} {
		_, err := b.Build(context.Background())
		var setting *ivsrealtime.SettingError
		if !errors.As(err, &setting) || err.Error() != "build client: "+want {
			t.Errorf("got %v\nexpected build client: %s", err, want)
		}
	}
	_, err := ivsrealtime.NewAsyncClientBuilder().Region("r").MaxConcurrency(0).MaxPending(-1).Build(context.Background())
	const want = "build async client: setting MaxConcurrency is 0, must be at least 1\nsetting MaxPending is -1, must not be negative"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nexpected %s", err, want)
	}
}

func TestBuild_PrefersGivenSettings(t *testing.T) {
	t.Setenv("AWS_REGION", "us-west-2")
	t.Setenv("AWS_ENDPOINT_URL_IVS_REALTIME", "http://other:1")
	t.Setenv("AWS_MAX_ATTEMPTS", "9")
	t.Setenv("AWS_RETRY_MODE", "standard")
	keys := credentials.NewStaticCredentialsProvider("a", "b", "")
	http := &http.Client{}
	b := ivsrealtime.NewClientBuilder().Region("eu-west-1").EndpointOverride("http://127.0.0.1:1/x/").CredentialsProvider(keys).HTTPClient(http).
		RetryMode(aws.RetryModeAdaptive).MaxAttempts(7).AttemptTimeout(time.Second).CallTimeout(time.Minute).
		Interceptors(ivsrealtime.Interceptor{}).UserAgent("concierge/2.1")
	client := built(t, b)
	b.Region("later").Interceptors(ivsrealtime.Interceptor{}) // a client keeps the settings it was built with
	c := client.ServiceClientConfiguration()
	if c.Region() != "eu-west-1" || c.Endpoint() != "http://127.0.0.1:1/x" || !c.EndpointOverridden() || c.HTTPClient() != http ||
		c.RetryMode() != aws.RetryModeAdaptive || c.MaxAttempts() != 7 || c.AttemptTimeout() != time.Second || c.CallTimeout() != time.Minute ||
		len(c.Interceptors()) != 1 || !strings.HasSuffix(c.UserAgent(), " concierge/2.1") || c.MaxConcurrency() != 0 || c.MaxPending() != 0 {
		t.Errorf("got %+v", c)
	}
	got, err := c.CredentialsProvider().Retrieve(context.Background())
	if err != nil || got.AccessKeyID != "a" {
		t.Errorf("got the key %q, %v, expected a", got.AccessKeyID, err)
	}
	c.Interceptors()[0].AfterCall = func(context.Context, ivsrealtime.CallResult) {}
	if client.ServiceClientConfiguration().Interceptors()[0].AfterCall != nil {
		t.Error("the configuration of a client could be changed from outside")
	}
}

func TestBuild_ReadsTheSourcesOfSDKs(t *testing.T) {
	const file = `
[default]
region = eu-central-1
retry_mode = adaptive
max_attempts = 4
aws_access_key_id = fromFile
aws_secret_access_key = secret
endpoint_url = http://all:1
[profile services]
region = ap-south-1
services = mine
endpoint_url = http://all:2
[services mine]
ivs_realtime =
  endpoint_url = http://only:3
`
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	type found struct {
		region, endpoint string
		overridden       bool
		mode             aws.RetryMode
		attempts         int
		key              string
	}
	for name, c := range map[string]struct {
		env  []string
		want found
	}{
		"nothing but a region": {
			[]string{"AWS_REGION", "eu-west-1", "AWS_ACCESS_KEY_ID", "k", "AWS_SECRET_ACCESS_KEY", "s"},
			found{"eu-west-1", "https://ivsrealtime.eu-west-1.amazonaws.com", false, aws.RetryModeStandard, 3, "k"},
		},
		"the other name of the region": {
			[]string{"AWS_DEFAULT_REGION", "us-east-1", "AWS_ACCESS_KEY_ID", "k", "AWS_SECRET_ACCESS_KEY", "s"},
			found{"us-east-1", "https://ivsrealtime.us-east-1.amazonaws.com", false, aws.RetryModeStandard, 3, "k"},
		},
		"the environment": {
			[]string{"AWS_REGION", "r", "AWS_ENDPOINT_URL", "http://all:4", "AWS_ENDPOINT_URL_IVS_REALTIME", "http://only:5/", "AWS_RETRY_MODE", "adaptive", "AWS_MAX_ATTEMPTS", "6", "AWS_ACCESS_KEY_ID", "k", "AWS_SECRET_ACCESS_KEY", "s"},
			found{"r", "http://only:5", true, aws.RetryModeAdaptive, 6, "k"},
		},
		"the environment for all services": {
			[]string{"AWS_REGION", "r", "AWS_ENDPOINT_URL", "http://all:4", "AWS_ACCESS_KEY_ID", "k", "AWS_SECRET_ACCESS_KEY", "s"},
			found{"r", "http://all:4", true, aws.RetryModeStandard, 3, "k"},
		},
		"endpoints that are to be ignored": {
			[]string{"AWS_REGION", "r", "AWS_ENDPOINT_URL_IVS_REALTIME", "http://only:5", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", "AWS_ACCESS_KEY_ID", "k", "AWS_SECRET_ACCESS_KEY", "s"},
			found{"r", "https://ivsrealtime.r.amazonaws.com", false, aws.RetryModeStandard, 3, "k"},
		},
		"the shared file": {
			[]string{"AWS_CONFIG_FILE", path},
			found{"eu-central-1", "http://all:1", true, aws.RetryModeAdaptive, 4, "fromFile"},
		},
		"a profile with a section for services": {
			[]string{"AWS_CONFIG_FILE", path, "AWS_PROFILE", "services", "AWS_ACCESS_KEY_ID", "k", "AWS_SECRET_ACCESS_KEY", "s"},
			found{"ap-south-1", "http://only:3", true, aws.RetryModeStandard, 3, "k"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for pair := range slices.Chunk(c.env, 2) {
				t.Setenv(pair[0], pair[1])
			}
			client := built(t, ivsrealtime.NewClientBuilder())
			defer client.Close()
			s := client.ServiceClientConfiguration()
			keys, err := s.CredentialsProvider().Retrieve(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if got := (found{s.Region(), s.Endpoint(), s.EndpointOverridden(), s.RetryMode(), s.MaxAttempts(), keys.AccessKeyID}); got != c.want {
				t.Errorf("got %+v\nexpected %+v", got, c.want)
			}
		})
	}
}

func TestBuild_RefusesInvalidEnvironment(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ENDPOINT_URL", "7080")
	if _, err := ivsrealtime.NewClientBuilder().Build(context.Background()); err == nil || !strings.Contains(err.Error(), `setting EndpointOverride is "7080" in the environment or the profile`) {
		t.Errorf("got %v, expected the endpoint to be refused", err)
	}
	t.Setenv("AWS_REGION", "a.b")
	if _, err := ivsrealtime.NewClientBuilder().Build(context.Background()); err == nil || !strings.Contains(err.Error(), `setting Region is "a.b" in the environment or the profile`) {
		t.Errorf("got %v, expected the region to be refused", err)
	}
}

func TestBuild_TrustsTheCertificatesOfTheEnvironment(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer server.Close()
	list := func() error {
		client := built(t, ivsrealtime.NewClientBuilder().Region("r").EndpointOverride(server.URL).
			CredentialsProvider(credentials.NewStaticCredentialsProvider("a", "b", "")))
		defer client.Close()
		_, err := client.ListStages(context.Background(), nil)
		return err
	}
	if err := list(); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "attempts") {
		t.Errorf("got %v, expected an unknown certificate to be refused at once", err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if err := list(); err != nil {
		t.Errorf("got %v, expected the certificate to be trusted", err)
	}
}

func TestClient_ReportsMissingCredentials(t *testing.T) {
	f, asked := inTurn(with(ok))
	client := built(t, ivsrealtime.NewClientBuilder().Region("eu-west-1").HTTPClient(f))
	if _, err := client.ListStages(context.Background(), nil); err == nil || !strings.HasPrefix(err.Error(), "ListStages: retrieve credentials: ") || *asked != 0 {
		t.Errorf("got %v after %d requests, expected none without credentials", err, *asked)
	}
}
