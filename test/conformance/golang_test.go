package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	officialchannels "github.com/aws/aws-sdk-go-v2/service/ivs"
	official "github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// newer are the members of the API that came after the releases of the SDKs for
// Go and Java that are used here: they neither send nor show them.
var newer = []string{"redundantIngest", "redundantIngestCredentials", "ingestConfigurationArn", "previousToken", "newToken"}

// paginators are the official SDK's own, for every list.
var paginators = map[string]any{
	"ListCompositions":          official.NewListCompositionsPaginator,
	"ListEncoderConfigurations": official.NewListEncoderConfigurationsPaginator,
	"ListIngestConfigurations":  official.NewListIngestConfigurationsPaginator,
	"ListParticipantEvents":     official.NewListParticipantEventsPaginator,
	"ListParticipantReplicas":   official.NewListParticipantReplicasPaginator,
	"ListParticipants":          official.NewListParticipantsPaginator,
	"ListPublicKeys":            official.NewListPublicKeysPaginator,
	"ListStageSessions":         official.NewListStageSessionsPaginator,
	"ListStages":                official.NewListStagesPaginator,
	"ListStorageConfigurations": official.NewListStorageConfigurationsPaginator,

	"ListChannels":   officialchannels.NewListChannelsPaginator,
	"ListStreamKeys": officialchannels.NewListStreamKeysPaginator,
	"ListStreams":    officialchannels.NewListStreamsPaginator,
}

// A skewedSigner signs with a clock that is off.
type skewedSigner struct {
	*v4.Signer
	ahead time.Duration
}

func (s skewedSigner) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time, options ...func(*v4.SignerOptions)) error {
	return s.Signer.SignHTTP(ctx, c, r, hash, service, region, at.Add(s.ahead), options...)
}

// callOfficial is the AWS SDK for Go v2.
func callOfficial() func(*testing.T, request) (*reply, error) {
	known := map[string]any{}
	return func(t *testing.T, r request) (*reply, error) {
		id := r.Service + r.Caller.Name + r.Caller.Endpoint
		if known[id] == nil {
			known[id] = newOfficial(r.Service, r.Caller)
		}
		method := reflect.ValueOf(known[id]).MethodByName(r.Operation)
		input := reflect.New(method.Type().In(1).Elem())
		if r.PageSize > 0 {
			r.Input = withPageSize(r)
		}
		// Go's decoder takes the model's names for the SDK's: it ignores case.
		if err := transcode(r.Input, input.Interface()); err != nil {
			return nil, err
		}
		if r.PageSize == 0 {
			out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), input})
			return readOfficial(out)
		}
		pages := reflect.ValueOf(paginators[r.Operation]).Call([]reflect.Value{reflect.ValueOf(known[id]), input})[0]
		all := &reply{}
		for pages.MethodByName("HasMorePages").Call(nil)[0].Bool() {
			page, err := readOfficial(pages.MethodByName("NextPage").Call([]reflect.Value{reflect.ValueOf(t.Context())}))
			if err != nil || page.Error != nil {
				return page, err
			}
			all.Pages = append(all.Pages, page.Pages...)
		}
		return all, nil
	}
}

func newOfficial(service string, c caller) any {
	config := aws.Config{
		Region: c.Region, BaseEndpoint: aws.String(c.Endpoint), RetryMaxAttempts: c.Attempts,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, c.SessionToken),
	}
	signer := skewedSigner{v4.NewSigner(), time.Duration(c.Clock) * time.Second}
	if service == channels {
		return officialchannels.NewFromConfig(config, func(o *officialchannels.Options) { o.HTTPSignerV4 = signer })
	}
	return official.NewFromConfig(config, func(o *official.Options) { o.HTTPSignerV4 = signer })
}

func withPageSize(r request) map[string]any {
	input := map[string]any{"maxResults": r.PageSize}
	for k, v := range r.Input {
		input[k] = v
	}
	return input
}

func transcode(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

// readOfficial reads what an operation of the official SDK returned: an output and an error.
func readOfficial(out []reflect.Value) (*reply, error) {
	if err, _ := out[1].Interface().(error); err != nil {
		var api smithy.APIError
		var response *awshttp.ResponseError
		if !errors.As(err, &api) || !errors.As(err, &response) {
			return nil, err
		}
		kind := reflect.TypeOf(api).String()
		id := response.ServiceRequestID()
		return &reply{RequestID: &id, Error: &fault{
			Name: api.ErrorCode(), Message: messageOf(api), Status: response.HTTPStatusCode(), Type: kind[strings.LastIndexByte(kind, '.')+1:], Shown: err.Error(),
		}}, nil
	}
	metadata, _ := out[0].Elem().FieldByName("ResultMetadata").Interface().(middleware.Metadata)
	id, _ := awsmiddleware.GetRequestIDMetadata(metadata)
	page, _ := plain(out[0]).(map[string]any)
	return &reply{Pages: []map[string]any{page}, RequestID: &id}, nil
}

// messageOf finds the message: the errors that the API models have it in a
// member of their own, and leave the SDK's empty.
func messageOf(e smithy.APIError) string {
	if own := reflect.ValueOf(e).Elem().FieldByName("ExceptionMessage"); own.IsValid() && !own.IsNil() {
		return own.Elem().String()
	}
	return e.ErrorMessage()
}

// plain turns a value of the official SDK into what JSON has, with the model's names.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok {
			return at.Format(time.RFC3339Nano)
		}
		object := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Name == "ResultMetadata" {
				continue
			}
			if inner := plain(v.Field(i)); inner != nil {
				object[lowerFirst(f.Name)] = inner
			}
		}
		return object
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		object := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			object[it.Key().String()] = plain(it.Value())
		}
		return object
	case reflect.String:
		return v.String()
	case reflect.Float32: // 59.94 is another number with more digits
		n, _ := strconv.ParseFloat(strconv.FormatFloat(v.Float(), 'g', -1, 32), 64)
		return n
	}
	return v.Interface()
}

func lowerFirst(s string) string {
	return string(unicode.ToLower(rune(s[0]))) + s[1:]
}
