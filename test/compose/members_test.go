//go:build cgo

package compose

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"rostrum/internal/worker"
)

// composeFile has a worker compose the stage in 720p30 into a file.
func (s *stage) composeFile() *process {
	s.t.Helper()
	raw, _ := s.token("SUBSCRIBE")
	p := s.compose(worker.Job{Token: raw, Programs: []worker.Program{{
		Destinations: []worker.Destination{{ID: "file", File: filepath.Join(s.t.TempDir(), "out.mp4")}},
	}}})
	p.until("the file", active("file"))
	return p
}

// member is what a report says of one member; nil if it isn't there.
func member(r worker.Report, id string) *worker.ParticipantHealth {
	if r.Health == nil {
		return nil
	}
	i := slices.IndexFunc(r.Health.Participants, func(m worker.ParticipantHealth) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Health.Participants[i]
}

// receives tells that a member's pictures come in a width.
func receives(id string, width int) func(worker.Report) bool {
	return func(r worker.Report) bool {
		m := member(r, id)
		return m != nil && m.Width == width
	}
}

func TestWorker_TakesTheLayerNearestToItsTile(t *testing.T) {
	s := open(t)
	raw, _ := s.token("PUBLISH")
	watched := s.perform(raw, "--simulcast", "--size", "1280x720", "--video-bitrate", "0").id
	p := s.composeFile()
	p.until("the best layer, alone in 1280x720", receives(watched, 1280))
	var others []*performer
	for _, c := range []struct{ members, width int }{{4, 640}, {9, 640}, {10, 320}} {
		for len(others) < c.members-1 {
			raw, _ := s.token("PUBLISH")
			others = append(others, s.perform(raw, "--size", "320x180", "--video-bitrate", "0"))
		}
		p.after(fmt.Sprintf("the layer of %d, one of %d", c.width, c.members), func(r worker.Report) bool {
			return receives(watched, c.width)(r) && len(r.Health.Participants) == c.members
		})
	}
	for _, o := range others {
		o.leave()
	}
	p.after("the best layer again", receives(watched, 1280))
	p.stop()
}

func TestWorker_ShowsWhateverMembersSend(t *testing.T) {
	beside(t)
	s := open(t)
	p := s.composeFile()
	cases := []struct {
		what   string
		widths []int // that are seen
	}{
		{"H.264", []int{640}}, {"H.264, tall, 16 pictures a second", []int{360}},
		{"H.264 that turns and changes its size", []int{640, 360, 1280, 480}},
		{"VP8", []int{640}}, {"VP9", []int{320}}, {"sound alone", []int{0}}, {"simulcast", nil},
	}
	roles := ensemble(t)
	if len(roles) != len(cases) {
		t.Fatalf("there are %d roles and %d cases", len(roles), len(cases))
	}
	for i, c := range cases {
		raw, _ := s.token("PUBLISH")
		id := s.perform(raw, roles[i]...).id
		for _, width := range c.widths {
			p.after(fmt.Sprintf("%s, %d wide", c.what, width), receives(id, width))
		}
		p.after(c.what, func(r worker.Report) bool {
			m := member(r, id)
			return m != nil && (m.Decoded > 30 || slices.Equal(c.widths, []int{0}))
		})
	}
	p.stop()
}
