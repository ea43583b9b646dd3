package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"rostrum/internal/bucket"
	"rostrum/internal/control"
)

// A checkedBucket answers a check by its name.
type checkedBucket struct {
	bucket.Bucket
	name string
}

func namedBuckets(_, name string) (bucket.Bucket, error) {
	return checkedBucket{name: name}, nil
}

func (b checkedBucket) Check(context.Context) error {
	return map[string]error{
		"missing-bucket": bucket.ErrNoBucket, "forbidden-bucket": bucket.ErrDenied, "distant-bucket": bucket.ErrRegion,
		"silent-bucket": errors.New("connection refused"),
	}[b.name]
}

func TestCreateStorageConfiguration_SaysWhatIsWrongWithTheBucket(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	for name, expected := range map[string]struct {
		status       int
		code, remedy string
	}{
		"good-bucket":      {http.StatusOK, "", ""},
		"silent-bucket":    {http.StatusOK, "", ""}, // it may answer when there is something to store
		"missing-bucket":   {http.StatusNotFound, "ResourceNotFoundException", "Create it first"},
		"forbidden-bucket": {http.StatusForbidden, "AccessDeniedException", "Allow it s3:PutObject"},
		"distant-bucket":   {http.StatusBadRequest, "ValidationException", "is not in region " + region},
	} {
		a := h.send(t, request{path: "/CreateStorageConfiguration", body: `{"s3":{"bucketName":"` + name + `"}}`})
		code, message := a.fault()
		if a.StatusCode != expected.status || code != expected.code || !strings.Contains(message, expected.remedy) || code != "" && !strings.HasPrefix(message, "s3.bucketName: ") {
			t.Errorf("%s: %d %s %q, expected %d %s …%s…", name, a.StatusCode, code, message, expected.status, expected.code, expected.remedy)
		}
	}
	var all struct{ StorageConfigurations []any }
	h.call(t, request{path: "/ListStorageConfigurations", body: `{}`}, &all)
	if n := len(all.StorageConfigurations); n != 2 {
		t.Errorf("%d storage configurations are kept, expected 2", n)
	}
}
