package conformance

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
)

// callOwn is this module's SDK, its synchronous client.
func callOwn() func(*testing.T, request) (*reply, error) {
	known := map[string]*ivsrealtime.Client{}
	return func(t *testing.T, r request) (*reply, error) {
		id := r.Caller.Name + r.Caller.Endpoint
		if known[id] == nil {
			b := ivsrealtime.NewClientBuilder()
			configure(&b.BaseClientBuilder, r.Caller)
			c, err := b.Build(t.Context())
			if err != nil {
				return nil, err
			}
			known[id] = c
		}
		if r.PageSize > 0 {
			return walkOwn(t.Context(), known[id], r)
		}
		out, err := invoke(t.Context(), reflect.ValueOf(known[id]), r)
		if err != nil {
			return nil, err
		}
		failed, _ := out[1].Interface().(error)
		return readOwn(out[0].Interface(), failed)
	}
}

// callOwnAsync is this module's SDK, its asynchronous client.
func callOwnAsync() func(*testing.T, request) (*reply, error) {
	known := map[string]*ivsrealtime.AsyncClient{}
	return func(t *testing.T, r request) (*reply, error) {
		id := r.Caller.Name + r.Caller.Endpoint
		if known[id] == nil {
			b := ivsrealtime.NewAsyncClientBuilder()
			configure(&b.BaseClientBuilder, r.Caller)
			c, err := b.Build(t.Context())
			if err != nil {
				return nil, err
			}
			known[id] = c
		}
		if r.PageSize > 0 {
			return walkOwn(t.Context(), known[id].Sync(), r)
		}
		call, err := invoke(t.Context(), reflect.ValueOf(known[id]), r)
		if err != nil {
			return nil, err
		}
		out := call[0].MethodByName("Wait").Call([]reflect.Value{reflect.ValueOf(t.Context())})
		failed, _ := out[1].Interface().(error)
		return readOwn(out[0].Interface(), failed)
	}
}

func configure[B any](b *ivsrealtime.BaseClientBuilder[B], c caller) {
	b.Region(c.Region)
	b.EndpointOverride(c.Endpoint)
	b.CredentialsProvider(credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, c.SessionToken))
	if c.Attempts > 0 {
		b.MaxAttempts(c.Attempts)
	}
}

// invoke calls the method of an operation with its input.
func invoke(ctx context.Context, client reflect.Value, r request) ([]reflect.Value, error) {
	method := client.MethodByName(r.Operation)
	input := reflect.New(method.Type().In(1).Elem())
	if err := fillOwn(input, r.Input); err != nil {
		return nil, err
	}
	return method.Call([]reflect.Value{reflect.ValueOf(ctx), input}), nil
}

// fillOwn fills an input: what travels in the body by its JSON, the rest by its tags.
func fillOwn(input reflect.Value, members map[string]any) error {
	if err := transcode(members, input.Interface()); err != nil {
		return err
	}
	for i := range input.Elem().NumField() {
		tag := input.Elem().Type().Field(i).Tag
		for _, place := range []string{"uri", "query"} {
			if v, ok := members[tag.Get(place)]; ok {
				if err := transcode(v, input.Elem().Field(i).Addr().Interface()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// walkOwn ranges over the pages of a list: those of ListStages are StagePages.
func walkOwn(ctx context.Context, c *ivsrealtime.Client, r request) (*reply, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(r.Operation, "List"), "s") + "Pages"
	method := reflect.ValueOf(c).MethodByName(name)
	input := reflect.New(method.Type().In(1).Elem())
	if err := fillOwn(input, withPageSize(r)); err != nil {
		return nil, err
	}
	all := &reply{}
	for page, failed := range method.Call([]reflect.Value{reflect.ValueOf(ctx), input})[0].Seq2() {
		err, _ := failed.Interface().(error)
		one, err := readOwn(page.Interface(), err)
		if err != nil || one.Error != nil {
			return one, err
		}
		all.Pages = append(all.Pages, one.Pages...)
	}
	return all, nil
}

func readOwn(out any, err error) (*reply, error) {
	if err != nil {
		var e *ivsrealtime.Error
		if !errors.As(err, &e) {
			return nil, err
		}
		return &reply{RequestID: &e.RequestID, Error: &fault{Name: string(e.Code), Status: e.StatusCode, Message: e.Message, Shown: err.Error()}}, nil
	}
	page := map[string]any{}
	if err := transcode(out, &page); err != nil {
		return nil, err
	}
	if headers := reflect.ValueOf(out).Elem().FieldByName("TransportHeaders"); headers.IsValid() {
		for i := range headers.NumField() {
			page[lowerFirst(headers.Type().Field(i).Name)] = headers.Field(i).String()
		}
	}
	return &reply{Pages: []map[string]any{page}}, nil
}
