package stage

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

// A deadNode is what a node that died had open: a session with participants who
// are replicated to another stage.
type deadNode struct {
	source, destination string
	session             string
	participants        []store.ParticipantRef
	died                time.Time
}

func leaveOpen(t *testing.T, s *store.Store, participants int) *deadNode {
	t.Helper()
	died := time.Now().UTC().Truncate(time.Millisecond)
	d := &deadNode{source: arn.New(arn.Stage, "111122223333", "eu-west-1").String(), destination: arn.New(arn.Stage, "111122223333", "eu-west-1").String(), session: arn.NewSessionID(), died: died}
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		err := errors.Join(tx.Stages().Create(&ivsrealtime.Stage{ARN: d.source}), tx.OpenSession(store.Session{StageARN: d.source, ID: d.session, Start: died, Node: "dead"}))
		for i := range participants {
			p := store.Participant{StageARN: d.source, SessionID: d.session, Node: "dead", Participant: ivsrealtime.Participant{
				ParticipantID: fmt.Sprint("p", i), State: ivsrealtime.ParticipantConnected, FirstJoinTime: died,
				ReplicationType: ivsrealtime.ReplicationNone, ReplicationState: ivsrealtime.ReplicationStopped,
			}}
			d.participants = append(d.participants, p.Ref())
			err = errors.Join(err, tx.CreateParticipant(&p), tx.RecordEvent(p.Ref(), ivsrealtime.Event{
				Name: ivsrealtime.EventPublishStarted, EventTime: died, ParticipantID: p.ParticipantID,
			}), tx.SaveReplication(&store.Replication{Node: "dead", ParticipantReplica: ivsrealtime.ParticipantReplica{
				SourceStageARN: d.source, SourceSessionID: d.session, ParticipantID: p.ParticipantID,
				DestinationStageARN: d.destination, ReplicationState: ivsrealtime.ReplicationActive,
			}}))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRegistry_ClosesOnceWhatADeadNodeLeftOpen: several nodes survive and clean up
// at the same moment.
func TestRegistry_ClosesOnceWhatADeadNodeLeftOpen(t *testing.T) {
	for name, cfg := range map[string]store.Config{
		"SQLite":     {Ephemeral: true},
		"PostgreSQL": {Dir: t.TempDir(), URL: postgres.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			d := leaveOpen(t, s, 50)
			var survivors sync.WaitGroup
			for range 4 {
				survivors.Go(func() {
					r := &Registry{store: s}
					if err := r.closeDead(t.Context(), store.Node{ID: "dead", Seen: d.died}); err != nil {
						t.Error(err)
					}
				})
			}
			survivors.Wait()
			d.expectClosed(t, s)
		})
	}
}

func (d *deadNode) expectClosed(t *testing.T, s *store.Store) {
	t.Helper()
	stored, err := s.Events(t.Context(), store.EventQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, e := range stored {
		var detail struct {
			Name string `json:"event_name"`
		}
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		if seen[detail.Name]++; !e.Time.Equal(d.died) {
			t.Errorf("%s is of %v, want %v", detail.Name, e.Time, d.died)
		}
	}
	all := len(d.participants)
	for name, want := range map[string]int{
		"Session Ended": 1, "Participant Left": all, "Participant Unpublished": all, "Participant Replication End": all,
	} {
		if seen[name] != want {
			t.Errorf("%d events %s, want %d of %v", seen[name], name, want, seen)
		}
	}
	err = s.Read(t.Context(), func(tx *store.Tx) error {
		session, err := tx.Session(d.source, d.session)
		if err == nil && !session.End.Equal(d.died) {
			t.Errorf("the session ended at %v, want %v", session.End, d.died)
		}
		for _, ref := range d.participants {
			p, err := tx.Participant(ref)
			if err != nil {
				return err
			}
			events, _, err := tx.ParticipantEvents(ref, store.Page{Limit: 10})
			if err != nil {
				return err
			}
			var names []ivsrealtime.EventName
			for _, e := range events {
				names = append(names, e.Name)
			}
			want := []ivsrealtime.EventName{ivsrealtime.EventPublishStarted, ivsrealtime.EventPublishStopped, ivsrealtime.EventLeft}
			names = slices.DeleteFunc(names, func(n ivsrealtime.EventName) bool { return n == ivsrealtime.EventReplicationStopped })
			if p.State != ivsrealtime.ParticipantDisconnected || !slices.Equal(names, want) {
				t.Errorf("%s is %s with %v, want it disconnected with %v", p.ParticipantID, p.State, names, want)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSession_OfNodeDeclaredDeadEndsOnce: a node that was declared dead returns, and ends its
// sessions, while another closes them or after that.
func TestSession_OfNodeDeclaredDeadEndsOnce(t *testing.T) {
	for name, meanwhile := range map[string]func(survivor *Registry, dead store.Node) error{
		"after all was closed": func(survivor *Registry, dead store.Node) error { return survivor.closeDead(t.Context(), dead) },
		"before anything was":  func(*Registry, store.Node) error { return nil },
		"between participants and sessions": func(survivor *Registry, dead store.Node) error {
			_, err := survivor.closeParticipants(t.Context(), dead, func(*store.Participant) bool { return true })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := liveOn(t, store.Config{Dir: t.TempDir(), URL: postgres.Database(t)}, Config{})
			stage := arn.New(arn.Stage, "111122223333", "eu-west-1")
			if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: stage.String()}) }); err != nil {
				t.Fatal(err)
			}
			g := authority.Grant{Claims: token.Claims{StageARN: stage.String(), StageID: stage.ID, ParticipantID: "alice", IssuedAt: time.Now()}, Account: stage.Account, Region: stage.Region}
			if _, err := r.OpenSocket(g, SocketConfig{Deliver: func(Message) {}}); err != nil {
				t.Fatal(err)
			}
			survivor, dead := &Registry{store: s}, store.Node{ID: r.nodeID, Seen: timestamp()}
			if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.DeclareDead(dead.ID) }); err != nil {
				t.Fatal(err)
			}
			if err := meanwhile(survivor, dead); err != nil {
				t.Fatal(err)
			}
			session := r.findSession(stage.String())
			session.post(func() { session.end(goingAway) })
			<-session.done
			if err := survivor.closeDead(t.Context(), dead); err != nil {
				t.Fatal(err)
			}
			stored, err := s.Events(t.Context(), store.EventQuery{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range stored {
				var detail struct {
					Name string `json:"event_name"`
				}
				if err := json.Unmarshal(e.Detail, &detail); err != nil {
					t.Fatal(err)
				}
				names = append(names, detail.Name)
			}
			if want := []string{"Session Started", "Participant Joined", "Participant Left", "Session Ended"}; !slices.Equal(names, want) {
				t.Errorf("the events are %v, expected %v", names, want)
			}
			bob := g
			bob.ParticipantID = "bob"
			if _, err := r.OpenSocket(bob, SocketConfig{Deliver: func(Message) {}}); err == nil {
				t.Error("a node that was declared dead begins another session")
			}
		})
	}
}
