package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"rostrum/ivsrealtime"
)

// decode reads an operation's input from the body, the path and the query.
func decode(r *http.Request, body []byte, in any) error {
	if len(body) > 0 {
		if err := decodeBody(r, body, in); err != nil {
			return err
		}
	}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("uri") != "" {
			s, err := resourceARN(r)
			if err != nil {
				return err
			}
			v.Field(i).SetString(s)
		}
		if name := f.Tag.Get("query"); name != "" {
			if values, ok := r.URL.Query()[name]; ok {
				v.Field(i).Set(reflect.ValueOf(values))
			}
		}
	}
	return nil
}

func decodeBody(r *http.Request, body []byte, in any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return ivsrealtime.Errorf(ivsrealtime.MalformedRequest, "the Content-Type is %q, must be application/json", shorten(r.Header.Get("Content-Type")))
	}
	if !utf8.Valid(body) {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "the body is not UTF-8")
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "the body is not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(in); err != nil {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s", describe(err))
	}
	if len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "the body has data after its JSON object")
	}
	return nil
}

// describe is an error of encoding/json in terms of the API.
func describe(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Sprintf("%s is a %s, must be %s", kind.Field, kind.Value, expected(kind.Type))
	case errors.As(err, &syntax):
		return fmt.Sprintf("the body is not JSON: at byte %d: %s", syntax.Offset, syntax.Error())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the body is not JSON: it ends early"
	default:
		return "the body is not a JSON object of this operation"
	}
}

func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "an integer"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

func shorten(s string) string {
	const max = 100
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= max {
		return s
	}
	return s[:max] + "…"
}
