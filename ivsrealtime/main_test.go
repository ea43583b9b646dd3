package ivsrealtime_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"rostrum/ivsrealtime"
)

// TestMain keeps the machine's own AWS configuration out of the tests, and
// looks for goroutines left behind.
func TestMain(m *testing.M) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	goleak.VerifyTestMain(m)
}

const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	stageARN  = "arn:aws:ivs:eu-west-1:111122223333:stage/Ab3dEf6hIj9k"
)

// A fake stands in for HTTP and the server behind it.
type fake func(*http.Request) (*http.Response, error)

func (f fake) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return f(r)
}

// answer makes a response; headers are name, value, name, value.
func answer(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func refusal(status int, code ivsrealtime.Code, headers ...string) *http.Response {
	headers = append([]string{"x-amzn-ErrorType", string(code), "x-amzn-RequestId", "req-1"}, headers...)
	return answer(status, `{"exceptionMessage":"because","message":"because"}`, headers...)
}

// inTurn answers with each in its turn, and with the last for ever.
func inTurn(answers ...func() (*http.Response, error)) (fake, *int) {
	n := new(int)
	return func(*http.Request) (*http.Response, error) {
		*n++
		return answers[min(*n, len(answers))-1]()
	}, n
}

func with(r func() *http.Response) func() (*http.Response, error) {
	return func() (*http.Response, error) { return r(), nil }
}

func builder(f fake) *ivsrealtime.ClientBuilder {
	return ivsrealtime.NewClientBuilder().Region("eu-west-1").HTTPClient(f).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""))
}

func built(t testing.TB, b *ivsrealtime.ClientBuilder) *ivsrealtime.Client {
	t.Helper()
	c, err := b.Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bodyOf(t testing.TB, r *http.Request) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		t.Errorf("the request's body is no JSON object: %v", err)
	}
	return m
}
