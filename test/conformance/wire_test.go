package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A model is the facts of the API: what each operation may answer.
type model struct {
	CommonErrors []struct {
		Code       string
		HTTPStatus int
	}
	Operations map[string]operation
	Shapes     map[string]shape
}

type operation struct {
	Service         string // as the AWS CLI calls it
	Method, URI     string
	Output          string
	SuccessStatus   int
	HasResponseBody bool
	Pagination      *struct{ Items string }
	Errors          []struct {
		Shape      string
		HTTPStatus int
	}
}

type shape struct {
	Type               string
	Members            map[string]member
	Member, Key, Value string // of lists and maps
}

type member struct {
	Target, Type string
	Required     bool
	Location     string
	LocationName string
	Enum         []string
}

// readModel reads the facts of both services as one.
func readModel(t *testing.T) model {
	t.Helper()
	var m model
	readJSON(t, "../../ivsrealtime/testdata/api.json", &m)
	for name, op := range m.Operations {
		op.Service = stages
		m.Operations[name] = op
	}
	var c channelModel
	readJSON(t, "../../internal/ivs/testdata/channels-api.json", &c)
	c.addTo(&m)
	return m
}

func readJSON(t *testing.T, name string, to any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// models reports whether an operation has an error: SDKs then have a type for it.
func (m model) models(operation, name string) bool {
	for _, e := range m.Operations[operation].Errors {
		if e.Shape == name {
			return true
		}
	}
	return false
}

// An observer passes requests on to a server as they are, counts them and holds
// each answer against the model.
type observer struct {
	URL   string
	model model
	paths map[string]string // method and path to operation

	mu       sync.Mutex // guards what follows
	requests map[string]int
	faults   []string
}

func observe(t *testing.T, m model, server string) *observer {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	o := &observer{model: m, paths: map[string]string{}, requests: map[string]int{}}
	for name, op := range m.Operations {
		path, _, _ := strings.Cut(op.URI, "{")
		o.paths[op.Method+" "+path] = name
	}
	proxy := &httputil.ReverseProxy{
		// The Host header is signed: it stays as the client sent it.
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: o.look,
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	o.URL = s.URL
	return o
}

// look is called with each answer on its way to the client.
func (o *observer) look(r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	path := r.Request.URL.EscapedPath()
	if strings.HasPrefix(path, "/tags/") {
		path = "/tags/"
	}
	operation := o.paths[r.Request.Method+" "+path]
	faults := o.check(operation, r, body)
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.StatusCode < http.StatusMultipleChoices {
		o.requests[operation]++
	}
	for _, f := range faults {
		o.faults = append(o.faults, fmt.Sprintf("on the wire, %s %d: %s in %s", operation, r.StatusCode, f, clip(body)))
	}
	return nil
}

// answered tells how many requests of an operation have succeeded.
func (o *observer) answered(operation string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests[operation]
}

// complaints gives what was wrong with the answers since the last call.
func (o *observer) complaints() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.faults
	o.faults = nil
	return all
}

var requestID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (o *observer) check(operation string, r *http.Response, body []byte) (faults []string) {
	op, ok := o.model.Operations[operation]
	if !ok {
		return []string{"no operation of the API at " + r.Request.Method + " " + r.Request.URL.Path}
	}
	if id := r.Header.Get("x-amzn-RequestId"); !requestID.MatchString(id) {
		faults = append(faults, fmt.Sprintf("the request id is %q", id))
	}
	if r.Header.Get("Date") == "" {
		faults = append(faults, "there is no Date header")
	}
	length := strconv.Itoa(len(body))
	if r.StatusCode == http.StatusNoContent {
		length = "" // RFC 9110 §8.6
	}
	if n := r.Header.Get("Content-Length"); n != length {
		faults = append(faults, fmt.Sprintf("Content-Length is %q for %d bytes", n, len(body)))
	}
	if r.StatusCode != op.SuccessStatus {
		return append(faults, o.checkError(operation, r, body)...)
	}
	output := o.model.Shapes[op.Output]
	for name, m := range output.Members {
		if m.Location == "header" && r.Header.Get(m.LocationName) == "" {
			faults = append(faults, fmt.Sprintf("the header %s (%s) is missing", m.LocationName, name))
		}
	}
	if !op.HasResponseBody {
		if len(body) > 0 {
			faults = append(faults, "the body is not empty")
		}
		return faults
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		faults = append(faults, fmt.Sprintf("Content-Type is %q", kind))
	}
	v, err := decode(body)
	if err != nil {
		return append(faults, err.Error())
	}
	return append(faults, o.model.hold(v, op.Output, operation)...)
}

func (o *observer) checkError(operation string, r *http.Response, body []byte) (faults []string) {
	name, allowed := r.Header.Get("x-amzn-ErrorType"), false
	for _, e := range o.model.Operations[operation].Errors {
		allowed = allowed || e.Shape == name && e.HTTPStatus == r.StatusCode
	}
	// The errors of who may call at all, and how often, are common to all operations.
	for _, common := range []struct {
		name   string
		status int
	}{{"AccessDeniedException", 403}, {"UnrecognizedClientException", 403}, {"InvalidSignatureException", 403}, {"ThrottlingException", 429}} {
		allowed = allowed || common.name == name && common.status == r.StatusCode
	}
	if !allowed {
		faults = append(faults, fmt.Sprintf("the operation has no error %q", name))
	}
	v, err := decode(body)
	if err != nil {
		return append(faults, err.Error())
	}
	texts, _ := v.(map[string]any)
	if texts["exceptionMessage"] == nil || texts["exceptionMessage"] != texts["message"] || len(texts) != 2 {
		faults = append(faults, "the body does not have the members exceptionMessage and message, equal")
	}
	return faults
}

func decode(body []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the body is no JSON: %w", err)
	}
	return v, nil
}

// hold holds a value against a shape: no member that the model does not have,
// none missing that it requires, each of its type.
func (m model) hold(v any, target, path string) (faults []string) {
	s := m.Shapes[target]
	switch s.Type {
	case "structure":
		object, ok := v.(map[string]any)
		if !ok {
			return []string{path + " is no object"}
		}
		for name := range object {
			if in, ok := s.Members[name]; !ok || in.Location != "body" {
				faults = append(faults, path+"."+name+" is no member of "+target)
			}
		}
		for name, in := range s.Members {
			inner, given := object[name]
			switch {
			case in.Location != "body":
			case given:
				faults = append(faults, m.holdMember(inner, in, path+"."+name)...)
			case in.Required:
				faults = append(faults, path+"."+name+" is missing")
			}
		}
		return faults
	case "list":
		list, ok := v.([]any)
		if !ok {
			return []string{path + " is no list"}
		}
		for i, inner := range list {
			faults = append(faults, m.hold(inner, s.Member, fmt.Sprintf("%s[%d]", path, i))...)
		}
		return faults
	case "map":
		object, ok := v.(map[string]any)
		if !ok {
			return []string{path + " is no map"}
		}
		for k, inner := range object {
			faults = append(faults, m.hold(inner, s.Value, path+"."+k)...)
		}
		return faults
	}
	return holdPlain(v, s.Type, path)
}

func (m model) holdMember(v any, in member, path string) []string {
	if _, composite := m.Shapes[in.Target]; composite && (in.Type == "structure" || in.Type == "list" || in.Type == "map") {
		return m.hold(v, in.Target, path)
	}
	faults := holdPlain(v, in.Type, path)
	// The service itself shows an unset fill mode as an empty text.
	if text, ok := v.(string); ok && len(in.Enum) > 0 && text != "" && !slices.Contains(in.Enum, text) {
		faults = append(faults, fmt.Sprintf("%s is %q, which the model does not have", path, text))
	}
	return faults
}

// stamp is how the API writes times: ISO 8601, UTC, whole seconds or finer.
var stamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)

func holdPlain(v any, kind, path string) []string {
	ok := false
	switch kind {
	case "string", "enum":
		_, ok = v.(string)
	case "boolean":
		_, ok = v.(bool)
	case "integer", "long":
		n, isNumber := v.(json.Number)
		_, err := n.Int64()
		ok = isNumber && err == nil
	case "float", "double":
		_, ok = v.(json.Number)
	case "timestamp":
		text, isText := v.(string)
		_, err := time.Parse(time.RFC3339Nano, text)
		ok = isText && stamp.MatchString(text) && err == nil
	}
	if !ok {
		return []string{fmt.Sprintf("%s is %v, expected a %s", path, v, kind)}
	}
	return nil
}

func clip(b []byte) string {
	if len(b) > 500 {
		return string(b[:500]) + "…"
	}
	return string(b)
}
