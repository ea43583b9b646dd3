package ivsrealtime

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/aws/smithy-go/encoding/httpbinding"
	"github.com/google/uuid"

	"rostrum/internal/shape"
)

// A request is an encoded call. It does not change, so that all attempts of a call
// send the same, and does not refer to the input.
type request struct {
	operation  string
	method     string
	path       string // escaped
	query      string
	body       []byte // nil for none
	hash       string // of the body: SHA-256 in hex
	invocation string // one id for all attempts of a call
}

// prepare encodes an input as its operation declares (restJson1).
func prepare[In, Out any](op Operation[In, Out], in *In) (*request, error) {
	if in == nil {
		in = new(In)
	}
	v := reflect.ValueOf(in).Elem()
	if path := shape.MissingMember(v, ""); path != "" {
		return nil, fmt.Errorf("%s: %w", op.Name, Errorf(ValidationFailed, "%s is missing, it is required", path))
	}
	r := &request{operation: op.Name, method: op.Method, invocation: uuid.NewString()}
	r.path, r.query = bind(op.Path, v)
	if op.Method == http.MethodPost {
		body, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("%s: encode the input: %w", op.Name, err)
		}
		r.body = body
	}
	sum := sha256.Sum256(r.body)
	r.hash = hex.EncodeToString(sum[:])
	return r, nil
}

// bind puts the members of path and query into the URL. A member of the path is one
// segment, whatever it contains.
func bind(path string, in reflect.Value) (string, string) {
	query := url.Values{}
	for i := range in.NumField() {
		tag := in.Type().Field(i).Tag
		if name := tag.Get("uri"); name != "" {
			path = strings.Replace(path, "{"+name+"}", httpbinding.EscapePath(in.Field(i).String(), true), 1)
		}
		if name := tag.Get("query"); name != "" {
			for j := range in.Field(i).Len() {
				query.Add(name, in.Field(i).Index(j).String())
			}
		}
	}
	// A space is %20 in a canonical query (Signature Version 4), not a plus.
	return path, strings.ReplaceAll(query.Encode(), "+", "%20")
}

// withIdempotencyToken adds an idempotency token to StartComposition, unless there
// is one, so that retries start one composition. It does not change the input.
func withIdempotencyToken(in *StartCompositionInput) *StartCompositionInput {
	if in == nil || in.IdempotencyToken != "" {
		return in
	}
	out := *in
	out.IdempotencyToken = uuid.NewString()
	return &out
}

// forAttempt returns the HTTP request of an attempt, unsigned.
func (r *request) forAttempt(ctx context.Context, endpoint string, number, maximum int, userAgent string) (*http.Request, error) {
	address := endpoint + r.path
	if r.query != "" {
		address += "?" + r.query
	}
	h, err := http.NewRequestWithContext(ctx, r.method, address, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if r.body != nil {
		h.Header.Set("Content-Type", "application/json")
	}
	h.Header.Set("User-Agent", userAgent)
	h.Header.Set("Amz-Sdk-Invocation-Id", r.invocation)
	h.Header.Set("Amz-Sdk-Request", fmt.Sprintf("attempt=%d; max=%d", number, maximum))
	return h, nil
}
