package stage

import (
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/token"
)

// However the two encoders of one ingest configuration begin, one goes on while the other must
// begin again.
func TestSession_StaggersTheTimeoutsOfRedundantEncoders(t *testing.T) {
	const limit = 24 * time.Hour
	for _, c := range []struct {
		name         string
		after, limit time.Duration // from the first to the second; of the second
	}{
		{"together", 0, 21 * time.Hour},
		{"soon after", time.Hour, 20 * time.Hour},
		{"at the distance", 3 * time.Hour, limit},
		{"late", 23 * time.Hour, limit},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Session{registry: &Registry{cfg: Config{Limits: Limits{ConnectionDuration: limit}}}, participants: map[string]*participant{}}
				virtual := &authority.Grant{Claims: token.Claims{ParticipantID: "host"}}
				first, second := &Connection{owner: &participant{}, virtual: virtual}, &Connection{owner: &participant{}, virtual: virtual}
				if got := s.durationOf(first); got != limit {
					t.Errorf("the only encoder has %s", got)
				}
				first.endsAt = time.Now().Add(limit)
				s.participants["host"] = &participant{redundant: &redundantSource{sources: map[*Connection]*failoverSource{first: {}, second: {}}}}
				time.Sleep(c.after)
				if got := s.durationOf(second); got != c.limit {
					t.Errorf("the second encoder has %s, want %s", got, c.limit)
				}
				if got := s.durationOf(&Connection{}); got != limit {
					t.Errorf("another connection has %s", got)
				}
				s.registry.cfg.Limits.ConnectionDuration = 0
				if got := s.durationOf(second); got != 0 {
					t.Errorf("without a limit the second encoder has %s", got)
				}
			})
		})
	}
}
