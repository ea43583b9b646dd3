package ivsrealtime_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
)

func TestOptions_HoldForOneCall(t *testing.T) {
	var requests []*http.Request
	c := built(t, builder(func(r *http.Request) (*http.Response, error) {
		requests = append(requests, r)
		return answer(200, `{}`), nil
	}))
	_, err1 := c.ListStages(t.Context(), nil, ivsrealtime.WithRegion("us-west-2"), ivsrealtime.WithHeader("X-Trace", "t-1"), ivsrealtime.WithMaxAttempts(7),
		ivsrealtime.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("AKIAOTHER", secretKey, "")))
	_, err2 := c.ListStages(t.Context(), nil)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ host, scope, signed, trace, attempts string }{
		{"ivsrealtime.us-west-2.amazonaws.com", "Credential=AKIAOTHER/", "x-trace", "t-1", "attempt=1; max=7"},
		{"ivsrealtime.eu-west-1.amazonaws.com", "Credential=" + accessKey + "/", "host", "", "attempt=1; max=3"},
	} {
		r := requests[i]
		if auth := r.Header.Get("Authorization"); r.URL.Host != want.host || !strings.Contains(auth, want.scope) || !strings.Contains(auth, want.signed) ||
			!strings.Contains(auth, strings.Split(want.host, ".")[1]) || r.Header.Get("X-Trace") != want.trace || r.Header.Get("Amz-Sdk-Request") != want.attempts {
			t.Errorf("call %d: %s with %v, expected %+v", i, r.URL, r.Header, want)
		}
	}
}

func TestOptions_KeepAnOverriddenEndpoint(t *testing.T) {
	c := built(t, builder(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != "127.0.0.1:7080" || !strings.Contains(r.Header.Get("Authorization"), "/us-west-2/ivs/") {
			t.Errorf("sent to %s with %s", r.URL, r.Header.Get("Authorization"))
		}
		return answer(200, `{}`), nil
	}).EndpointOverride("http://127.0.0.1:7080"))
	for _, err := range c.Stages(t.Context(), nil, ivsrealtime.WithRegion("us-west-2")) {
		t.Error(err)
	}
}

func TestOptions_TellTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := inTurn(
			with(func() *http.Response { return refusal(503, "ServiceUnavailable") }),
			with(func() *http.Response { return answer(200, `{}`, "x-amzn-RequestId", "req-2") }),
			with(func() *http.Response { return refusal(404, ivsrealtime.ResourceNotFound) }),
		)
		c := built(t, builder(f))
		var result ivsrealtime.CallResult
		_, err := c.ListStages(t.Context(), nil, ivsrealtime.WithResult(&result))
		if err != nil || result.Operation != "ListStages" || result.Attempts != 2 || result.StatusCode != 200 || result.RequestID != "req-2" || result.Duration <= 0 || result.Err != nil {
			t.Errorf("success: %v, %+v", err, result)
		}
		_, err = c.GetStage(t.Context(), &ivsrealtime.GetStageInput{ARN: stageARN}, ivsrealtime.WithResult(&result))
		if !errors.Is(err, ivsrealtime.ResourceNotFound) || result.Attempts != 1 || result.StatusCode != 404 || result.RequestID != "req-1" || !errors.Is(result.Err, ivsrealtime.ResourceNotFound) {
			t.Errorf("failure: %v, %+v", err, result)
		}
	})
}

func TestOptions_BoundAttemptsAndTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := inTurn(with(func() *http.Response { return refusal(503, "ServiceUnavailable") }))
		if _, err := built(t, builder(f)).ListStages(t.Context(), nil, ivsrealtime.WithMaxAttempts(1)); err == nil || *n != 1 {
			t.Errorf("%d attempts, %v, expected one", *n, err)
		}
		stuck := built(t, builder(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		for what, option := range map[string]ivsrealtime.CallOption{"call": ivsrealtime.WithCallTimeout(time.Second), "attempt": ivsrealtime.WithAttemptTimeout(time.Second)} {
			began := time.Now()
			_, err := stuck.ListStages(t.Context(), nil, option, ivsrealtime.WithMaxAttempts(1))
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the "+what+" took longer than its limit of 1s") || took != time.Second {
				t.Errorf("%s: %v after %v", what, err, took)
			}
		}
	})
}

func TestOptions_HoldForAsyncCalls(t *testing.T) {
	f, _ := inTurn(with(func() *http.Response { return answer(200, `{}`, "x-amzn-RequestId", "req-9") }))
	a := asyncBuilt(t, asyncBuilder(f))
	var result ivsrealtime.CallResult
	_, err := a.ListStages(t.Context(), nil, ivsrealtime.WithResult(&result)).Wait(t.Context())
	if err != nil || result.RequestID != "req-9" {
		t.Errorf("%v, %+v", err, result)
	}
	if _, err := a.ListStages(t.Context(), nil, ivsrealtime.WithRegion("a b")).Wait(t.Context()); err == nil {
		t.Error("an invalid option was accepted")
	}
}

func TestOptions_NameTheInvalidOne(t *testing.T) {
	c := built(t, builder(func(*http.Request) (*http.Response, error) { t.Error("it was sent"); return answer(200, `{}`), nil }))
	for want, option := range map[string]ivsrealtime.CallOption{
		`ListStages: setting Region is "a b", must be a region's name like eu-west-1`: ivsrealtime.WithRegion("a b"),
		"ListStages: setting MaxAttempts is 0, must be at least 1":                    ivsrealtime.WithMaxAttempts(0),
		"ListStages: setting AttemptTimeout is -1s, must not be negative":             ivsrealtime.WithAttemptTimeout(-time.Second),
		"ListStages: setting CallTimeout is -1s, must not be negative":                ivsrealtime.WithCallTimeout(-time.Second),
		`ListStages: setting Header is "X-A", whose value is not printable ASCII`:     ivsrealtime.WithHeader("X-A", "a\r\nb"),
		`ListStages: setting Header is "x y", which is no name of a header`:           ivsrealtime.WithHeader("x y", ""),
	} {
		_, err := c.ListStages(t.Context(), nil, option)
		var setting *ivsrealtime.SettingError
		if !errors.As(err, &setting) || err.Error() != want {
			t.Errorf("got %v\nexpected %s", err, want)
		}
	}
}

func TestBuild_TakesAConfiguration(t *testing.T) {
	sent := ""
	cfg := aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://127.0.0.1:7080"), RetryMaxAttempts: 5,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		HTTPClient: fake(func(r *http.Request) (*http.Response, error) {
			sent = r.URL.String() + " " + r.Header.Get("Amz-Sdk-Request")
			return answer(200, `{}`), nil
		}),
	}
	t.Setenv("AWS_REGION", "us-east-1") // the configuration is in place of the environment
	c := built(t, ivsrealtime.NewClientBuilder().FromConfig(cfg))
	if _, err := c.ListStages(t.Context(), nil); err != nil || sent != "http://127.0.0.1:7080/ListStages attempt=1; max=5" {
		t.Errorf("sent %s: %v", sent, err)
	}
	if s := c.ServiceClientConfiguration(); s.Region() != "eu-west-1" || !s.EndpointOverridden() {
		t.Errorf("the configuration is not taken: %s, %t", s.Region(), s.EndpointOverridden())
	}
	given := built(t, ivsrealtime.NewClientBuilder().FromConfig(cfg).Region("us-west-2").MaxAttempts(1)).ServiceClientConfiguration()
	if given.Region() != "us-west-2" || given.MaxAttempts() != 1 {
		t.Errorf("a given setting does not win: %s, %d attempts", given.Region(), given.MaxAttempts())
	}
	for want, b := range map[string]*ivsrealtime.ClientBuilder{
		"build client: setting CredentialsProvider is missing; give it, or a configuration that has one": ivsrealtime.NewClientBuilder().FromConfig(aws.Config{Region: "eu-west-1"}),
		`build client: setting Profile is "dev", and FromConfig has read its profile: give one of them`:  ivsrealtime.NewClientBuilder().FromConfig(cfg).Profile("dev"),
		"build client: setting Region is missing; give it, or set AWS_REGION or the profile's region":    ivsrealtime.NewClientBuilder().FromConfig(aws.Config{}),
	} {
		if _, err := b.Build(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v\nexpected %s", err, want)
		}
	}
}
