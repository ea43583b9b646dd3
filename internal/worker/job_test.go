package worker

import (
	"strings"
	"testing"

	"rostrum/internal/layout"
)

func TestReadJob_LeavesTheInputOpen(t *testing.T) {
	input := strings.NewReader(`{"token":"t","layout":{"pip":{"pipParticipantAttribute":"x"}},"programs":[{"width":640,"destinations":[{"id":"a","file":"x.mp4"}]}]}` + "\n")
	j, _, err := ReadJob(input)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := j.Layout.Chosen().(layout.Pip); !ok || p.PipParticipantAttribute != "x" || j.Programs[0].Width != 640 {
		t.Errorf("job is %+v", j)
	}
}

func TestReadJob_RefusesInvalidJobs(t *testing.T) {
	cases := map[string]string{
		"no token":                   `{"programs":[{"destinations":[{"id":"a","file":"x"}]}]}`,
		"no destination":             `{"token":"t","programs":[]}`,
		"two kinds of a destination": `{"token":"t","programs":[{"destinations":[{"id":"a","file":"x","rtmp":{"url":"u"}}]}]}`,
		"one id twice":               `{"token":"t","programs":[{"destinations":[{"id":"a","file":"x"},{"id":"a","file":"y"}]}]}`,
		"two layouts":                `{"token":"t","layout":{"grid":{},"pip":{}},"programs":[{"destinations":[{"id":"a","file":"x"}]}]}`,
		"a parent folder":            `{"token":"t","programs":[{"destinations":[{"id":"a","hls":{"directory":"d","rendition":"../x"}}]}]}`,
		"an unknown field":           `{"token":"t","tokn":"","programs":[{"destinations":[{"id":"a","file":"x"}]}]}`,
		"no JSON":                    `compose!`,
	}
	for name, in := range cases {
		if _, _, err := ReadJob(strings.NewReader(in)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLayout_DefaultsToGrid(t *testing.T) {
	if got := (Layout{}).Chosen(); got != layout.DefaultGrid() {
		t.Errorf("layout is %+v", got)
	}
}
