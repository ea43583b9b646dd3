package job

import (
	"strings"
	"testing"

	"rostrum/internal/layout"
)

func TestRead_TakesAJobAndLeavesTheChannelOpen(t *testing.T) {
	channel := strings.NewReader(`{"token":"t","layout":{"pip":{"pipParticipantAttribute":"x"}},"programs":[{"width":640,"destinations":[{"id":"a","file":"x.mp4"}]}]}` + "\n")
	j, _, err := Read(channel)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := j.Layout.Chosen().(layout.Pip); !ok || p.PipParticipantAttribute != "x" || j.Programs[0].Width != 640 {
		t.Errorf("job is %+v", j)
	}
}

func TestRead_RefusesWhatIsNoJob(t *testing.T) {
	cases := map[string]string{
		"no token":            `{"programs":[{"destinations":[{"id":"a","file":"x"}]}]}`,
		"no destination":      `{"token":"t","programs":[]}`,
		"two kinds at once":   `{"token":"t","programs":[{"destinations":[{"id":"a","file":"x","rtmp":{"url":"u"}}]}]}`,
		"one id twice":        `{"token":"t","programs":[{"destinations":[{"id":"a","file":"x"},{"id":"a","file":"y"}]}]}`,
		"two layouts":         `{"token":"t","layout":{"grid":{},"pip":{}},"programs":[{"destinations":[{"id":"a","file":"x"}]}]}`,
		"a folder above":      `{"token":"t","programs":[{"destinations":[{"id":"a","hls":{"directory":"d","rendition":"../x"}}]}]}`,
		"a word it can't use": `{"token":"t","tokn":"","programs":[{"destinations":[{"id":"a","file":"x"}]}]}`,
		"no JSON":             `compose!`,
	}
	for name, in := range cases {
		if _, _, err := Read(strings.NewReader(in)); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}

func TestLayout_WithoutOneIsTheDefaultGrid(t *testing.T) {
	if got := (Layout{}).Chosen(); got != layout.DefaultGrid() {
		t.Errorf("layout is %+v", got)
	}
}
