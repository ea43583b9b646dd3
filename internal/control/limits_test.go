package control

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rostrum/ivsrealtime"
)

func TestLimits_QuotaIsTheNumberThatFits(t *testing.T) {
	for _, c := range []struct {
		n, max  int
		refused bool
	}{
		{0, 1, false}, {1, 1, true}, {2, 1, true},
		{4, 5, false}, {5, 5, true},
		{0, 0, false}, {1000, 0, false}, // no limit
	} {
		err := checkQuota(c.n, c.max, "channels")
		if errors.Is(err, ivsrealtime.ServiceQuotaExceeded) != c.refused {
			t.Errorf("one more than %d of %d: %v, expected a refusal %t", c.n, c.max, err, c.refused)
		}
		if c.refused && !strings.HasSuffix(err.Error(), "the quota of "+map[int]string{1: "1", 5: "5"}[c.max]+" channels is reached") {
			t.Errorf("one more than %d of %d: %v, expected the quota in the text", c.n, c.max, err)
		}
	}
}

// The values are those of Service Quotas, Amazon IVS Real-Time.
func TestLimits_HasTheManagedServicesMedia(t *testing.T) {
	l := AWSLimits()
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"pixels of a publisher", l.PublishPixels, 921_600},
		{"pixels of a stream", l.StreamPixels, 2_073_600},
		{"connection", l.ConnectionDuration, 86_400 * time.Second},
		{"composition", l.CompositionDuration, 86_400 * time.Second},
		{"composition without a publisher", l.CompositionIdle, 60 * time.Second},
		{"pixels of a publisher, open", OpenLimits().PublishPixels, 2_073_600},
		{"composition without a publisher, open", OpenLimits().CompositionIdle, 60 * time.Second},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, expected %v", c.what, c.got, c.want)
		}
	}
}
