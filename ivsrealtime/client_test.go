package ivsrealtime_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/sigv4"
	"rostrum/ivsrealtime"
)

func TestClient_SendsRequestsOfTheProtocol(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		call                func(*ivsrealtime.Client) error
		method, uri, body   string
		contentType, prefix string
	}{
		"an operation is a POST of its name": {
			call: func(c *ivsrealtime.Client) error {
				_, err := c.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "lobby"})
				return err
			},
			method: "POST", uri: "/CreateStage", body: `{"name":"lobby"}`, contentType: "application/json",
		},
		"an input may be nil": {
			call:   func(c *ivsrealtime.Client) error { _, err := c.ListStages(ctx, nil); return err },
			method: "POST", uri: "/ListStages", body: `{}`, contentType: "application/json",
		},
		"an ARN is one segment of the path": {
			call: func(c *ivsrealtime.Client) error {
				_, err := c.TagResource(ctx, &ivsrealtime.TagResourceInput{ResourceARN: stageARN, Tags: map[string]string{"a b": "ü"}})
				return err
			},
			method: "POST", uri: "/tags/arn%3Aaws%3Aivs%3Aeu-west-1%3A111122223333%3Astage%2FAb3dEf6hIj9k", body: `{"tags":{"a b":"ü"}}`, contentType: "application/json",
		},
		"tag keys are repeated in the query, sorted, and a space is no plus": {
			call: func(c *ivsrealtime.Client) error {
				_, err := c.UntagResource(ctx, &ivsrealtime.UntagResourceInput{ResourceARN: stageARN, TagKeys: []string{"a b", "c+d", "é&="}})
				return err
			},
			method: "DELETE", uri: "/tags/arn%3Aaws%3Aivs%3Aeu-west-1%3A111122223333%3Astage%2FAb3dEf6hIj9k?tagKeys=%C3%A9%26%3D&tagKeys=a%20b&tagKeys=c%2Bd",
		},
		"an endpoint may have a path": {
			call: func(c *ivsrealtime.Client) error {
				_, err := c.ListTagsForResource(ctx, &ivsrealtime.ListTagsForResourceInput{ResourceARN: stageARN})
				return err
			},
			method: "GET", uri: "/under/tags/arn%3Aaws%3Aivs%3Aeu-west-1%3A111122223333%3Astage%2FAb3dEf6hIj9k", prefix: "/under/",
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			verifier := sigv4.NewVerifier("ivs", func(_ context.Context, id string) (sigv4.Key, bool, error) {
				return sigv4.Key{Secret: secretKey, SessionToken: "session"}, id == accessKey, nil
			}, sigv4.Config{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = true
				body, _ := io.ReadAll(r.Body)
				if r.Method != c.method || r.RequestURI != c.uri || string(body) != c.body || r.Header.Get("Content-Type") != c.contentType {
					t.Errorf("got %s %s %s of type %q\nexpected %s %s %s of type %q",
						r.Method, r.RequestURI, body, r.Header.Get("Content-Type"), c.method, c.uri, c.body, c.contentType)
				}
				for header, want := range map[string]string{"Amz-Sdk-Request": "attempt=1; max=3"} {
					if got := r.Header.Get(header); got != want {
						t.Errorf("got %s %q, expected %q", header, got, want)
					}
				}
				if len(r.Header.Get("Amz-Sdk-Invocation-Id")) != 36 || !strings.HasSuffix(r.UserAgent(), " concierge/2.1") {
					t.Errorf("got the invocation id %q and user agent %q", r.Header.Get("Amz-Sdk-Invocation-Id"), r.UserAgent())
				}
				if who, err := verifier.Verify(r, body); err != nil || who.Region != "eu-west-1" {
					t.Errorf("the signature of region %q is refused: %v", who.Region, err)
				}
			}))
			defer server.Close()
			client := built(t, ivsrealtime.NewClientBuilder().Region("eu-west-1").EndpointOverride(server.URL+c.prefix).UserAgent("concierge/2.1").
				CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "session")))
			defer client.Close()
			if err := c.call(client); err != nil || !asked {
				t.Errorf("got %v, and the server was asked: %t", err, asked)
			}
		})
	}
}

func TestClient_ReadsResponses(t *testing.T) {
	f, _ := inTurn(with(func() *http.Response {
		return answer(200, `{"stage":{"arn":"a","name":"lobby","tags":{},"endpoints":{"whip":"https://w"},"unknownMember":1,"activeSessionId":null},"participantTokens":[{"token":"t","expirationTime":"2026-07-01T10:00:00.25Z"}]}`)
	}))
	out, err := built(t, builder(f)).CreateStage(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &ivsrealtime.CreateStageOutput{
		Stage:             &ivsrealtime.Stage{ARN: "a", Name: "lobby", Tags: map[string]string{}, Endpoints: &ivsrealtime.StageEndpoints{WHIP: "https://w"}},
		ParticipantTokens: []ivsrealtime.ParticipantToken{{Token: "t", ExpirationTime: time.Date(2026, 7, 1, 10, 0, 0, 250e6, time.UTC)}},
	}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("got %+v\nexpected %+v", out, want)
	}
}

func TestClient_ReadsMembersInHeaders(t *testing.T) {
	f, _ := inTurn(with(func() *http.Response {
		return answer(200, "", "Access-Control-Allow-Origin", "*", "Cache-Control", "no-store", "X-Frame-Options", "DENY")
	}))
	out, err := built(t, builder(f)).StopParticipantReplication(context.Background(), &ivsrealtime.StopParticipantReplicationInput{
		SourceStageARN: stageARN, DestinationStageARN: stageARN, ParticipantID: "p",
	})
	if err != nil || out.AccessControlAllowOrigin != "*" || out.CacheControl != "no-store" || out.XFrameOptions != "DENY" {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestClient_ReadsErrors(t *testing.T) {
	large := strings.Repeat("x", 8<<20+1)
	for name, c := range map[string]struct {
		answer func() *http.Response
		code   ivsrealtime.Code
		text   string
	}{
		"by the header": {
			func() *http.Response {
				return answer(404, `{"exceptionMessage":"no stage","message":"another"}`, "x-amzn-ErrorType", "ResourceNotFoundException", "x-amzn-RequestId", "abc")
			}, ivsrealtime.ResourceNotFound, "GetStage: ResourceNotFoundException: no stage (status 404, request abc)",
		},
		"with an address behind the name": {
			func() *http.Response {
				return answer(400, `{}`, "x-amzn-ErrorType", "ValidationException:http://internal.amazon.com/coral/")
			}, ivsrealtime.ValidationFailed, "GetStage: ValidationException",
		},
		"with a namespace before the name": {
			func() *http.Response {
				return answer(409, `{"Message":"busy"}`, "x-amzn-ErrorType", "com.amazonaws.ivs#ConflictException")
			}, ivsrealtime.Conflict, "GetStage: ConflictException: busy",
		},
		"by the code in the body": {
			func() *http.Response { return answer(402, `{"code":"ServiceQuotaExceededException","message":"m"}`) },
			ivsrealtime.ServiceQuotaExceeded, "GetStage: ServiceQuotaExceededException: m",
		},
		"by the type in the body": {
			func() *http.Response {
				return answer(403, `{"code":7,"__type":"aws#AccessDeniedException","message":"m"}`)
			}, ivsrealtime.AccessDenied, "GetStage: AccessDeniedException: m",
		},
		"by a header alone": {
			func() *http.Response {
				return answer(404, "<html>", "x-amzn-ErrorType", "UnknownOperationException")
			}, ivsrealtime.UnknownOperation, "GetStage: UnknownOperationException",
		},
		"a proxy's page": {
			func() *http.Response {
				return answer(403, "<html><title>Blocked by proxy</title>", "Content-Type", "text/html; charset=utf-8")
			}, ivsrealtime.UnknownError, `the answer is not one of the API: it names no error; status 403 Forbidden, text/html, beginning "<html><title>Blocked by proxy</title>"`,
		},
		"a page instead of an answer": {
			func() *http.Response { return answer(200, "<html>please sign in", "Content-Type", "text/html") },
			ivsrealtime.UnknownError, `status 200 OK, text/html, beginning "<html>please sign in"`,
		},
		"a redirect": {
			func() *http.Response { return answer(302, "", "Location", "http://elsewhere", "Content-Type", "") },
			ivsrealtime.UnknownError, "status 302 Found, no content type",
		},
		"an answer of the wrong shape": {
			func() *http.Response { return answer(200, `{"stage":[]}`) },
			ivsrealtime.UnknownError, "json: cannot unmarshal",
		},
		"an answer without end": {
			func() *http.Response { return answer(200, large) },
			ivsrealtime.UnknownError, "it is larger than 8388608 bytes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, asked := inTurn(with(c.answer))
			_, err := built(t, builder(f)).GetStage(context.Background(), &ivsrealtime.GetStageInput{ARN: stageARN})
			var e *ivsrealtime.Error
			if !errors.As(err, &e) || !errors.Is(err, c.code) || e.StatusCode != c.answer().StatusCode || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %#v\n%v\nexpected %s and %q", e, err, c.code, c.text)
			}
			if *asked != 1 {
				t.Errorf("the server was asked %d times, expected once", *asked)
			}
		})
	}
}

func TestClient_SendsNothingWithoutRequiredMembers(t *testing.T) {
	f, asked := inTurn(with(func() *http.Response { return answer(200, "{}") }))
	client := built(t, builder(f))
	ctx := context.Background()
	for want, call := range map[string]func() error{
		"stageArn is missing, it is required": func() error { _, err := client.CreateParticipantToken(ctx, nil); return err },
		"resourceArn is missing, it is required": func() error {
			_, err := client.TagResource(ctx, &ivsrealtime.TagResourceInput{Tags: map[string]string{}})
			return err
		},
		"destinations[1].channel.channelArn is missing, it is required": func() error {
			_, err := client.StartComposition(ctx, &ivsrealtime.StartCompositionInput{StageARN: stageARN, Destinations: []ivsrealtime.DestinationConfiguration{
				{Channel: &ivsrealtime.ChannelDestinationConfiguration{ChannelARN: "c"}},
				{Channel: &ivsrealtime.ChannelDestinationConfiguration{}},
			}})
			return err
		},
		"autoParticipantRecordingConfiguration.storageConfigurationArn is missing, it is required": func() error {
			_, err := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{AutoParticipantRecordingConfiguration: &ivsrealtime.AutoParticipantRecordingConfiguration{}})
			return err
		},
	} {
		if err := call(); !errors.Is(err, ivsrealtime.ValidationFailed) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, expected a ValidationException that ends in %q", err, want)
		}
	}
	if *asked != 0 {
		t.Errorf("the server was asked %d times, expected not at all", *asked)
	}
}

func TestClient_LeavesOtherConstraintsToTheService(t *testing.T) {
	f, asked := inTurn(with(func() *http.Response { return answer(200, "{}") }))
	_, err := built(t, builder(f)).GetStage(context.Background(), &ivsrealtime.GetStageInput{ARN: "a limit of tomorrow"})
	if err != nil || *asked != 1 {
		t.Errorf("got %v after %d requests, expected success after 1", err, *asked)
	}
}

func TestClient_FollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a signature was sent elsewhere") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client := built(t, ivsrealtime.NewClientBuilder().Region("eu-west-1").EndpointOverride(server.URL).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")))
	defer client.Close()
	if _, err := client.ListStages(context.Background(), nil); !errors.Is(err, ivsrealtime.UnknownError) {
		t.Errorf("got %v, expected an answer that is not the API's", err)
	}
}

func TestClient_CallsInterceptorsInOrder(t *testing.T) {
	var told []string
	hook := func(name string) ivsrealtime.Interceptor {
		return ivsrealtime.Interceptor{
			BeforeTransmit: func(_ context.Context, a ivsrealtime.Attempt, r *http.Request) error {
				told = append(told, name+" before "+a.Operation)
				r.Header.Set("X-Trace", r.Header.Get("X-Trace")+name)
				return nil
			},
			AfterAttempt: func(_ context.Context, a ivsrealtime.Attempt) {
				told = append(told, name+" after attempt "+a.RequestID)
			},
			AfterCall: func(_ context.Context, r ivsrealtime.CallResult) {
				told = append(told, name+" after call "+r.Operation)
			},
		}
	}
	f := fake(func(r *http.Request) (*http.Response, error) {
		if got := r.Header.Get("X-Trace"); got != "ab" || !strings.Contains(r.Header.Get("Authorization"), "x-trace") {
			t.Errorf("got the header %q, signed as %s", got, r.Header.Get("Authorization"))
		}
		return answer(200, "{}", "x-amzn-RequestId", "r1"), nil
	})
	if _, err := built(t, builder(f).Interceptors(hook("a"), ivsrealtime.Interceptor{}).Interceptors(hook("b"))).ListStages(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"a before ListStages", "b before ListStages", "b after attempt r1", "a after attempt r1", "b after call ListStages", "a after call ListStages"}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("got %q\nexpected %q", told, want)
	}
}

func TestClient_SendsNothingAfterAnInterceptorError(t *testing.T) {
	f, asked := inTurn(with(func() *http.Response { return answer(200, "{}") }))
	stop := errors.New("not today")
	client := built(t, builder(f).Interceptors(ivsrealtime.Interceptor{
		BeforeTransmit: func(context.Context, ivsrealtime.Attempt, *http.Request) error { return stop },
	}))
	if _, err := client.ListStages(context.Background(), nil); !errors.Is(err, stop) || *asked != 0 {
		t.Errorf("got %v after %d requests, expected %v after none", err, *asked, stop)
	}
}

func TestClient_RefusesCallsAfterClose(t *testing.T) {
	f, _ := inTurn(with(func() *http.Response { return answer(200, "{}") }))
	client := built(t, builder(f))
	if err := errors.Join(client.Close(), client.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListStages(context.Background(), nil); !errors.Is(err, ivsrealtime.ErrClosed) {
		t.Errorf("got %v, expected %v", err, ivsrealtime.ErrClosed)
	}
}

func TestClient_AddsOneIdempotencyTokenToAllAttempts(t *testing.T) {
	var tokens []any
	f := fake(func(r *http.Request) (*http.Response, error) {
		tokens = append(tokens, bodyOf(t, r)["idempotencyToken"])
		if len(tokens) == 1 {
			return refusal(500, ivsrealtime.InternalServerError), nil
		}
		return answer(200, "{}"), nil
	})
	client := built(t, builder(f))
	in := &ivsrealtime.StartCompositionInput{StageARN: stageARN, Destinations: []ivsrealtime.DestinationConfiguration{{}}}
	for range 2 {
		if _, err := client.StartComposition(context.Background(), in); err != nil {
			t.Fatal(err)
		}
	}
	if len(tokens) != 3 || tokens[0] == "" || tokens[0] != tokens[1] || tokens[1] == tokens[2] || in.IdempotencyToken != "" {
		t.Errorf("got the tokens %q and left %q in the input, expected one token a call and the input as it was", tokens, in.IdempotencyToken)
	}
	in.IdempotencyToken = "mine"
	if _, err := client.StartComposition(context.Background(), in); err != nil || tokens[3] != "mine" {
		t.Errorf("got the token %q, expected the caller's: %v", tokens[3], err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, "", `{"stages":[{"arn":"a","tags":{"k":"v"}}],"nextToken":"n"}`)
	f.Add(404, "ResourceNotFoundException:", `{"exceptionMessage":"m"}`)
	f.Add(500, "#:", `{"__type":"#","code":[]}`)
	f.Add(200, "", "null")
	f.Add(199, "", "[")
	f.Fuzz(func(t *testing.T, status int, name, body string) {
		client := built(t, builder(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"X-Amzn-Errortype": {name}, "Retry-After": {name}}, Body: io.NopCloser(bytes.NewBufferString(body))}, nil
		}).MaxAttempts(1))
		out, err := client.ListStages(context.Background(), nil)
		var e *ivsrealtime.Error
		if err != nil && (!errors.As(err, &e) || e.Code == "" || e.StatusCode != status) || err == nil && out == nil {
			t.Errorf("status %d, name %q, body %q: got %+v, %v", status, name, body, out, err)
		}
	})
}
