//go:build cgo

package compose

import (
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rostrum/test/server"
)

// events are the names of what the server's event log tells of a composition, in
// its order, with their error codes.
func (s *studio) events(arn string) (names []string) {
	s.t.Helper()
	query := url.Values{"limit": {"1000"}, "pattern": {`{"detail-type":["IVS Composition State Change"],"resources":["` + arn + `"]}`}}
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
	operator := server.Operator{Key: aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, Region: "us-east-1"}
	if err := operator.Get(s.t.Context(), s.running.URL+"/event-log?"+query.Encode(), &page); err != nil {
		s.t.Fatal(err)
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
