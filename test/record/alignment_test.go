package record

import (
	"path/filepath"
	"testing"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/recording"
	"rostrum/ivsrealtime"
	"rostrum/test/marks"
)

// maxApart is by how much the same moment may differ in the recordings of two participants.
const maxApart = 40 * time.Millisecond

// Two participants send the same flash and beep at the same moment. One came later.
func TestRecording_AlignsParticipants(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	s := open(t, configuration())
	early, earlyID := s.token()
	late, lateID := s.token()
	one, other := publishPattern(t, early), publishPattern(t, late)
	const joins, lasts = 1500 * time.Millisecond, 6 * time.Second
	play(lasts, func(passed time.Duration, now time.Time) {
		one.write(passed, now)
		if passed >= joins {
			other.frames = one.frames - 1 // so that both beep at once
			other.write(passed, now)
		}
	})
	for _, p := range []*pattern{one, other} {
		if err := p.publication.Close(); err != nil {
			t.Error(err)
		}
	}
	first, second := s.moments(s.await(earlyID, ivsrealtime.RecordingStopped)), s.moments(s.await(lateID, ivsrealtime.RecordingStopped))
	pictures := 0
	for sent, at := range first.pictures {
		if same, ok := second.pictures[sent]; ok {
			pictures++
			if apart := at.Sub(same).Abs(); apart > maxApart {
				t.Errorf("the picture that was sent at %v is at %v and at %v", sent, at, same)
			}
		}
	}
	beeps := 0
	for _, at := range first.beeps {
		for _, same := range second.beeps {
			if apart := at.Sub(same).Abs(); apart < 300*time.Millisecond {
				if beeps++; apart > maxApart {
					t.Errorf("a beep is at %v and at %v", at, same)
				}
			}
		}
	}
	if pictures < 20 || beeps < 2 {
		t.Errorf("both recordings have %d pictures and %d beeps", pictures, beeps)
	}
}

// moments are when a recording has what, by its EXT-X-PROGRAM-DATE-TIME.
type moments struct {
	pictures map[int64]time.Time // by when they were sent
	beeps    []time.Time
}

func (s *studio) moments(p *ivsrealtime.Participant) moments {
	s.t.Helper()
	b, err := bucket.Folders(filepath.Join(s.data, "buckets"))("us-east-1", p.RecordingS3BucketName)
	if err != nil {
		s.t.Fatal(err)
	}
	found, err := recording.Find(s.t.Context(), b, p.RecordingS3BucketName, p.RecordingS3Prefix)
	if err != nil || len(found) != 1 {
		s.t.Fatalf("%d recordings, %v", len(found), err)
	}
	begins, err := found[0].Begins(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	pictures, err := marks.Read(s.t.Context(), found[0], filepath.Join(s.t.TempDir(), p.ParticipantID+".mp4"))
	if err != nil {
		s.t.Fatal(err)
	}
	m := moments{pictures: map[int64]time.Time{}}
	for _, picture := range pictures {
		m.pictures[picture.Sent.UnixNano()] = picture.At
	}
	_, beeps := s.onsets(p)
	for _, at := range beeps {
		m.beeps = append(m.beeps, begins.Add(time.Duration(at*float64(time.Second))))
	}
	return m
}
