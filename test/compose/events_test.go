//go:build cgo

package compose

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// events are the names of what the server's event log tells of a composition, in
// its order, with their error codes.
func (s *studio) events(arn string) (names []string) {
	s.t.Helper()
	query := url.Values{"limit": {"1000"}, "pattern": {`{"detail-type":["IVS Composition State Change"],"resources":["` + arn + `"]}`}}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.running.URL+"/event-log?"+query.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	nothing := sha256.Sum256(nil)
	signed := v4.NewSigner().SignHTTP(s.t.Context(), aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey},
		r, hex.EncodeToString(nothing[:]), "ivs", "us-east-1", time.Now())
	if signed != nil {
		s.t.Fatal(signed)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var page struct {
		Events []struct {
			Event struct {
				Detail struct {
					Name string `json:"event_name"`
					Code string `json:"error_code"`
				} `json:"detail"`
			} `json:"event"`
		} `json:"events"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("event log: %s %v", answer.Status, err)
	}
	for _, e := range page.Events {
		names = append(names, strings.TrimSpace(e.Event.Detail.Name+" "+e.Event.Detail.Code))
	}
	return names
}

// expectEvents holds what was told of a composition to what should have been.
func (s *studio) expectEvents(arn string, expected ...string) {
	s.t.Helper()
	if seen := s.events(arn); !slices.Equal(seen, expected) {
		s.t.Errorf("events: expected %q, saw %q", expected, seen)
	}
}
