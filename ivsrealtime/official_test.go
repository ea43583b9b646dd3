package ivsrealtime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	official "github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/smithy-go"

	"rostrum/ivsrealtime"
)

// The tests of this file ask Amazon's own client and ours the same, and expect
// them to send the same and to understand the same.

// samples makes a value for every member of a shape, by testdata/api.json.
type samples struct {
	Operations map[string]struct{ Input, Output string }
	Shapes     map[string]struct {
		Type    string
		Enum    []string
		Member  string
		Members map[string]struct{ Target, Location, LocationName string }
	}
}

func readSamples(t *testing.T) samples {
	t.Helper()
	data, err := os.ReadFile("testdata/api.json")
	if err != nil {
		t.Fatal(err)
	}
	var s samples
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// newer are members the API has got since the official client's version.
var newer = map[string]bool{"redundantIngest": true, "redundantIngestCredentials": true, "ingestConfigurationArn": true, "previousToken": true, "newToken": true}

func (s samples) value(shape string) any {
	switch d := s.Shapes[shape]; d.Type {
	case "enum":
		return d.Enum[0]
	case "integer":
		return 2
	case "float":
		return 29.5
	case "boolean":
		return true
	case "timestamp":
		return "2026-07-01T10:00:00.25Z"
	case "list":
		return []any{s.value(d.Member)}
	case "map":
		return map[string]any{"a key": "välue"}
	case "structure":
		all := map[string]any{}
		for name, m := range d.Members {
			if m.Location != "header" && !newer[name] {
				all[name] = s.value(m.Target)
			}
		}
		return all
	default:
		return "text of " + shape + "/1"
	}
}

func (s samples) headers(shape string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "X-Amzn-Requestid": {"r"}}
	for name, m := range s.Shapes[shape].Members {
		if m.Location == "header" {
			h.Set(m.LocationName, "header "+name)
		}
	}
	return h
}

// sent is what of a request both must agree on.
type sent struct {
	method, uri string
	body        any
}

// record answers everything alike, and keeps what it was asked.
func record(t *testing.T, into *sent, header http.Header, body []byte) fake {
	return func(r *http.Request) (*http.Response, error) {
		*into = sent{method: r.Method, uri: r.URL.RequestURI()}
		if r.Body != nil && r.Body != http.NoBody {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if len(data) > 0 {
				if err := json.Unmarshal(data, &into.body); err != nil {
					t.Errorf("sent %q: %v", data, err)
				}
			}
		}
		return &http.Response{StatusCode: 200, Header: header.Clone(), Body: io.NopCloser(bytes.NewReader(body))}, nil
	}
}

func officialClient(f fake) *official.Client {
	return official.New(official.Options{
		Region: "eu-west-1", HTTPClient: f, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""), RetryMaxAttempts: 1,
		BaseEndpoint: aws.String("https://ivsrealtime.eu-west-1.amazonaws.com"),
	})
}

// The official SDK is older than the API: it does not know these operations, or the
// header members of their outputs.
var (
	newOperations = map[string]bool{"RevokeConnectionToken": true}
	newHeaders    = map[string]bool{"CreateIngestConfiguration": true, "UpdateIngestConfiguration": true}
)

func TestClient_SendsAndReadsLikeTheOfficialSDK(t *testing.T) {
	s := readSamples(t)
	for name, op := range s.Operations {
		t.Run(name, func(t *testing.T) {
			if _, known := reflect.TypeFor[*official.Client]().MethodByName(name); known == newOperations[name] {
				t.Fatalf("the official SDK knows it: %t", known)
			} else if !known {
				t.Skip("the official SDK does not know it yet")
			}
			answer, err := json.Marshal(s.value(op.Output))
			if err != nil {
				t.Fatal(err)
			}
			in, err := json.Marshal(s.value(op.Input))
			if err != nil {
				t.Fatal(err)
			}
			var theirs, mine sent
			header := s.headers(op.Output)
			if newHeaders[name] {
				header = nil
			}
			want := ask(t, officialClient(record(t, &theirs, header, answer)), name, in)
			got := ask(t, built(t, builder(record(t, &mine, header, answer))), name, in)
			if !reflect.DeepEqual(mine, theirs) {
				t.Errorf("sent %+v\nexpected %+v", mine, theirs)
			}
			delete(want, "resultmetadata")
			if !reflect.DeepEqual(got, want) {
				t.Errorf("understood %v\nexpected %v", got, want)
			}
		})
	}
}

// ask calls an operation with an input that has every member.
func ask(t *testing.T, client any, operation string, in []byte) map[string]any {
	t.Helper()
	method := reflect.ValueOf(client).MethodByName(operation)
	input := reflect.New(method.Type().In(1).Elem())
	if err := json.Unmarshal(in, input.Interface()); err != nil { // by name, whatever its case
		t.Fatal(err)
	}
	for i := range input.Elem().NumField() { // ours keeps what isn't in the body from JSON
		switch input.Elem().Type().Field(i).Name {
		case "ResourceARN":
			input.Elem().Field(i).SetString("text of ResourceArn/1")
		case "TagKeys":
			input.Elem().Field(i).Set(reflect.ValueOf([]string{"text of TagKey/1"}))
		}
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), input})
	if err, _ := results[1].Interface().(error); err != nil {
		t.Fatalf("%T.%s: %v", client, operation, err)
	}
	all, _ := plain(results[0]).(map[string]any)
	return all
}

// plain makes an output comparable: field names in small letters, no pointers,
// nothing that isn't there.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		if when, ok := v.Interface().(time.Time); ok {
			return when.UTC().Format(time.RFC3339Nano)
		}
		all := map[string]any{}
		for _, f := range reflect.VisibleFields(v.Type()) {
			if f.IsExported() && !f.Anonymous && !v.FieldByIndex(f.Index).IsZero() {
				all[strings.ToLower(f.Name)] = plain(v.FieldByIndex(f.Index))
			}
		}
		return all
	case reflect.Slice:
		all := []any{}
		for i := range v.Len() {
			all = append(all, plain(v.Index(i)))
		}
		return all
	case reflect.Map:
		all := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			all[it.Key().String()] = plain(it.Value())
		}
		return all
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	default:
		return v.Int()
	}
}

func TestClient_ReadsErrorsLikeTheOfficialSDK(t *testing.T) {
	for name, r := range map[string]func() *http.Response{
		"modelled": func() *http.Response { return refusal(404, ivsrealtime.ResourceNotFound) },
		"common":   func() *http.Response { return refusal(429, ivsrealtime.Throttling) },
		"with an address": func() *http.Response {
			return answer(400, `{"message":"m"}`, "x-amzn-ErrorType", "ValidationException:http://a/b#c")
		},
		"in a namespace": func() *http.Response {
			return answer(400, `{"message":"m"}`, "x-amzn-ErrorType", "a.b#ConflictException")
		},
		"in the body":      func() *http.Response { return answer(403, `{"__type":"a#AccessDeniedException","message":"m"}`) },
		"in the body, too": func() *http.Response { return answer(402, `{"code":"ServiceQuotaExceededException","message":"m"}`) },
		"of no name":       func() *http.Response { return answer(500, `{}`) },
	} {
		f, _ := inTurn(with(r))
		_, err := officialClient(f).ListStages(context.Background(), nil)
		var theirs smithy.APIError
		if !errors.As(err, &theirs) {
			t.Fatal(err)
		}
		_, err = built(t, builder(f).MaxAttempts(1)).ListStages(context.Background(), nil)
		var mine *ivsrealtime.Error
		if !errors.As(err, &mine) || string(mine.Code) != theirs.ErrorCode() {
			t.Errorf("%s: got %v, expected %s", name, err, theirs.ErrorCode())
		}
	}
}
