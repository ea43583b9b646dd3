package ivs

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	official "github.com/aws/aws-sdk-go-v2/service/ivs"

	"rostrum/ivsrealtime"
)

// apiModel is the public API of channels.
type apiModel struct {
	Operations map[string]struct {
		Errors             []ivsrealtime.Code
		Input, Output, URI string
		Status             int
	}
	Shapes map[string]struct {
		Type, Pattern, Member, Key, Value string
		Values                            []string
		HTTPStatus                        int
		Length, Range                     struct{ Min, Max int }
		Members                           map[string]struct {
			Required bool
			Shape    string
		}
	}
}

func readModel(t *testing.T) (f apiModel) {
	t.Helper()
	data, err := os.ReadFile("testdata/channels-api.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func kinds[In, Out any](op ivsrealtime.Operation[In, Out]) [2]reflect.Type {
	return [2]reflect.Type{reflect.TypeFor[In](), reflect.TypeFor[Out]()}
}

var types = map[string][2]reflect.Type{
	"CreateChannel": kinds(OpCreateChannel), "GetChannel": kinds(OpGetChannel), "BatchGetChannel": kinds(OpBatchGetChannel),
	"ListChannels": kinds(OpListChannels), "UpdateChannel": kinds(OpUpdateChannel), "DeleteChannel": kinds(OpDeleteChannel),
	"CreateStreamKey": kinds(OpCreateStreamKey), "GetStreamKey": kinds(OpGetStreamKey), "BatchGetStreamKey": kinds(OpBatchGetStreamKey),
	"ListStreamKeys": kinds(OpListStreamKeys), "DeleteStreamKey": kinds(OpDeleteStreamKey),
	"GetStream": kinds(OpGetStream), "ListStreams": kinds(OpListStreams), "StopStream": kinds(OpStopStream),
}

// lacking has the members that Rostrum does not support, by shape.
var lacking = map[string]string{
	"Channel.srt": "encoders send RTMP only",

	"Channel.adConfigurationArn": noAds, "ChannelSummary.adConfigurationArn": noAds, "CreateChannelRequest.adConfigurationArn": noAds,
	"UpdateChannelRequest.adConfigurationArn": noAds, "ListChannelsRequest.filterByAdConfigurationArn": noAds,
	"Channel.failoverSlateConfigurationArn": noSlates, "ChannelSummary.failoverSlateConfigurationArn": noSlates,
	"CreateChannelRequest.failoverSlateConfigurationArn": noSlates, "UpdateChannelRequest.failoverSlateConfigurationArn": noSlates,
	"ListChannelsRequest.filterByFailoverSlateConfigurationArn": noSlates,
}

const (
	noAds    = "no ads are inserted"
	noSlates = "no slate is shown while an encoder is away"
)

func TestDrift_OperationsAreTheAPIs(t *testing.T) {
	f := readModel(t)
	for _, s := range Specs() {
		want, ok := f.Operations[s.Name]
		if !ok || s.Path != want.URI || s.Method != http.MethodPost {
			t.Errorf("%s is served at %s %s, expected %+v", s.Name, s.Method, s.Path, want)
		}
		got := slices.Sorted(slices.Values(s.Errors))
		if !slices.Equal(got, slices.Sorted(slices.Values(want.Errors))) {
			t.Errorf("%s: got the errors %v, expected %v", s.Name, got, want.Errors)
		}
		for _, code := range s.Errors {
			if code.Status() != f.Shapes[string(code)].HTTPStatus {
				t.Errorf("%s has the status %d, expected %d", code, code.Status(), f.Shapes[string(code)].HTTPStatus)
			}
		}
		if (types[s.Name][1] == reflect.TypeFor[Unit]()) != (want.Status == http.StatusNoContent) {
			t.Errorf("%s gives a %v, expected the status %d", s.Name, types[s.Name][1], want.Status)
		}
	}
	for name := range f.Operations {
		if types[name][0] == nil && !strings.HasSuffix(name, "Resource") && name != "ListTagsForResource" {
			t.Errorf("the operation %s is not declared", name)
		}
	}
}

func TestDrift_ShapesAreTheAPIs(t *testing.T) {
	f := readModel(t)
	used := map[string]bool{}
	for name, pair := range types {
		op := f.Operations[name]
		checkStructure(t, f, used, op.Input, pair[0], true)
		if op.Output != "Unit" {
			checkStructure(t, f, used, op.Output, pair[1], false)
		}
	}
	for word, s := range table.Words {
		if !used[word] {
			t.Errorf("no field uses the shape %q", word)
		}
		for _, inner := range []string{s.Member, s.Key, s.Value} {
			if _, ok := table.Words[inner]; inner != "" && !ok {
				t.Errorf("the shape %q speaks of %q, which is not in the table", word, inner)
			}
		}
	}
}

func checkStructure(t *testing.T, f apiModel, used map[string]bool, shape string, typ reflect.Type, input bool) {
	t.Helper()
	members := f.Shapes[shape].Members
	seen := map[string]bool{}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		seen[name] = true
		m, ok := members[name]
		if !ok {
			t.Errorf("%s has no member %s, as %v says", shape, name, typ)
			continue
		}
		word, option, _ := strings.Cut(field.Tag.Get("shape"), ",")
		if input {
			checkLimits(t, f, used, typ.Name()+"."+field.Name, word, m.Shape)
			if (option == "required") != m.Required || m.Required && strings.Contains(options, "omit") {
				t.Errorf("%v.%s says required: %q, expected %t", typ, field.Name, option, m.Required)
			}
		}
		inner := field.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		target := m.Shape
		if f.Shapes[target].Member != "" {
			target = f.Shapes[target].Member
		}
		if f.Shapes[target].Type == "structure" {
			checkStructure(t, f, used, target, inner, input)
		}
	}
	for name := range members {
		if !seen[name] && lacking[shape+"."+name] == "" {
			t.Errorf("%v lacks the member %s", typ, name)
		}
	}
}

func checkLimits(t *testing.T, f apiModel, used map[string]bool, at, word, shape string) {
	t.Helper()
	used[word] = true
	want, got := f.Shapes[shape], table.Words[word]
	used[got.Member], used[got.Key], used[got.Value] = true, true, true
	if word == "" {
		if want.Pattern != "" || want.Length.Max != 0 || want.Range.Max != 0 || want.Values != nil {
			t.Errorf("%s has no shape, expected that of %s", at, shape)
		}
		return
	}
	least, maximum := want.Length.Min, want.Length.Max
	if want.Range.Max != 0 {
		least, maximum = want.Range.Min, want.Range.Max
	}
	if want.Member != "" {
		checkLimits(t, f, used, at+"[]", got.Member, want.Member)
	}
	if got.Min != least || got.Max != maximum {
		t.Errorf("%s is limited to %d to %d, expected %d to %d", at, got.Min, got.Max, least, maximum)
	}
	plain := strings.NewReplacer("^", "", "$", "")
	if a, b := plain.Replace(got.Pattern), plain.Replace(want.Pattern); a != b {
		t.Errorf("%s must match %s, expected %s", at, got.Pattern, want.Pattern)
	}
	for _, value := range want.Values {
		if !slices.Contains(got.Values, value) {
			t.Errorf("%s refuses %s", at, value)
		}
	}
}

func TestDrift_EveryOperationOfTheServiceIsKnown(t *testing.T) {
	known := append([]string{"TagResource", "UntagResource", "ListTagsForResource", "Options"}, Unsupported...)
	for _, s := range Specs() {
		known = append(known, s.Name)
	}
	client := reflect.TypeFor[*official.Client]()
	for i := range client.NumMethod() {
		if name := client.Method(i).Name; !slices.Contains(known, name) {
			t.Errorf("%s is neither supported nor listed as unsupported", name)
		}
	}
	for _, name := range known {
		if _, ok := client.MethodByName(name); ok == newOperations[name] {
			t.Errorf("the official SDK has %s: %t, expected %t", name, ok, !ok)
		}
	}
}

// newOperations are newer than the official SDK for Go. make model finds new ones.
var newOperations = map[string]bool{
	"UpdateAdConfiguration": true, "CreateFailoverSlateConfiguration": true, "GetFailoverSlateConfiguration": true,
	"UpdateFailoverSlateConfiguration": true, "DeleteFailoverSlateConfiguration": true, "ListFailoverSlateConfigurations": true,
}
