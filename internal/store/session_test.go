package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
)

var tenOClock = time.Date(2026, 7, 1, 10, 0, 0, 123456000, time.UTC)

func TestSessions_OneRunsAtATime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage := aStage(t, s, here)
		first := aSession(t, s, stage.ARN, "n1", tenOClock)
		expectCode(t, s.Write(context.Background(), func(tx *Tx) error {
			return tx.OpenSession(Session{StageARN: stage.ARN, ID: "st-2", Start: tenOClock})
		}), ivsrealtime.Conflict, "with one running")
		expectActive(t, s, stage.ARN, first.ID)

		end := tenOClock.Add(time.Minute)
		write(t, s, func(tx *Tx) error { return tx.EndSession(stage.ARN, first.ID, end) })
		expectActive(t, s, stage.ARN, "")
		expectCode(t, s.Write(context.Background(), func(tx *Tx) error { return tx.EndSession(stage.ARN, first.ID, end) }), ivsrealtime.ResourceNotFound, "ending it twice")

		second := aSession(t, s, stage.ARN, "n1", tenOClock.Add(time.Hour))
		expectActive(t, s, stage.ARN, second.ID)
		first.End = end
		read(t, s, func(tx *Tx) error {
			got, err := tx.Session(stage.ARN, first.ID)
			if err != nil || *got != first {
				t.Errorf("the first session is %+v, %v, expected %+v", got, err, first)
			}
			all := allPages(t, 1, func(p Page) ([]Session, int64, error) { return tx.Sessions(stage.ARN, p) })
			if !reflect.DeepEqual(all, []Session{second, first}) {
				t.Errorf("sessions are %+v, expected the newest first", all)
			}
			return nil
		})
	})
}

// expectActive checks the running session by every way there is to ask for it.
func expectActive(t *testing.T, s *Store, stageARN, id string) {
	t.Helper()
	read(t, s, func(tx *Tx) error {
		stage, err := tx.Stages().Get(stageARN)
		if err != nil {
			return err
		}
		stages, _, err := tx.Stages().List(here, Filter{}, Page{Limit: 1})
		if err != nil {
			return err
		}
		if stage.ActiveSessionID != id || stages[0].ActiveSessionID != id {
			t.Errorf("the active session is %q, in a list %q, expected %q", stage.ActiveSessionID, stages[0].ActiveSessionID, id)
		}
		active, err := tx.ActiveSession(stageARN)
		if id == "" {
			expectCode(t, err, ivsrealtime.ResourceNotFound, "with no session running")
		} else if err != nil || active.ID != id {
			t.Errorf("the active session is %+v, %v, expected %q", active, err, id)
		}
		return nil
	})
}

func TestStages_KeepTheirSessionThroughAnUpdate(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage := aStage(t, s, here)
		session := aSession(t, s, stage.ARN, "n1", tenOClock)
		write(t, s, func(tx *Tx) error {
			_, err := tx.Stages().Update(stage.ARN, func(s *ivsrealtime.Stage) error { s.Name = "hall"; return nil })
			return err
		})
		expectActive(t, s, stage.ARN, session.ID)
	})
}

func TestParticipants_AreListedByFirstJoinAndFiltered(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage := aStage(t, s, here)
		session := aSession(t, s, stage.ARN, "n1", tenOClock)
		var all []Participant
		for i := range 20 {
			p := Participant{StageARN: stage.ARN, SessionID: session.ID, Node: "n1", Participant: ivsrealtime.Participant{
				ParticipantID: arn.NewID(), UserID: fmt.Sprint("user", i%4), State: ivsrealtime.ParticipantConnected, FirstJoinTime: tenOClock,
				Attributes: map[string]string{"n": fmt.Sprint(i)}, RecordingState: ivsrealtime.RecordingDisabled, BrowserName: "Chromium",
			}}
			write(t, s, func(tx *Tx) error { return tx.CreateParticipant(&p) })
			all = append(all, p)
		}
		for i := range all {
			write(t, s, func(tx *Tx) error {
				p, err := tx.UpdateParticipant(all[i].Ref(), func(p *Participant) error {
					p.Published = i%3 == 0
					if i%5 == 0 {
						p.State = ivsrealtime.ParticipantDisconnected
					}
					if i%7 == 0 {
						p.RecordingState = ivsrealtime.RecordingActive
					}
					return nil
				})
				if err == nil {
					all[i] = *p
				}
				return err
			})
		}
		user := "user2"
		for name, c := range map[string]struct {
			filter ParticipantFilter
			fits   func(i int) bool
		}{
			"all":          {ParticipantFilter{}, func(int) bool { return true }},
			"by user":      {ParticipantFilter{UserID: &user}, func(i int) bool { return i%4 == 2 }},
			"published":    {ParticipantFilter{Published: true}, func(i int) bool { return i%3 == 0 }},
			"by state":     {ParticipantFilter{State: ivsrealtime.ParticipantDisconnected}, func(i int) bool { return i%5 == 0 }},
			"by recording": {ParticipantFilter{Recording: ivsrealtime.RecordingActive}, func(i int) bool { return i%7 == 0 }},
		} {
			var want []Participant
			for i := range all {
				if c.fits(i) {
					want = append(want, all[i])
				}
			}
			read(t, s, func(tx *Tx) error {
				got := allPages(t, 3, func(p Page) ([]Participant, int64, error) {
					return tx.Participants(stage.ARN, session.ID, c.filter, p)
				})
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got %+v, expected %+v", name, got, want)
				}
				return nil
			})
		}
		expectCode(t, s.Write(context.Background(), func(tx *Tx) error { return tx.CreateParticipant(&all[0]) }), ivsrealtime.Conflict, "creating one twice")
	})
}

func TestParticipantEvents_AreKeptWholeAndOldestFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage := aStage(t, s, here)
		session := aSession(t, s, stage.ARN, "n1", tenOClock)
		ref := ParticipantRef{stage.ARN, session.ID, "alice"}
		token := &ivsrealtime.ExchangedParticipantToken{UserID: "u", ExpirationTime: tenOClock, Attributes: map[string]string{"a": "b"}}
		want := []ivsrealtime.Event{
			{Name: ivsrealtime.EventJoined, ParticipantID: "alice", EventTime: tenOClock},
			{Name: ivsrealtime.EventSubscribeError, ParticipantID: "alice", EventTime: tenOClock, RemoteParticipantID: "bob", ErrorCode: ivsrealtime.ErrorPublisherNotFound, Replica: true},
			{Name: ivsrealtime.EventReplicationStarted, ParticipantID: "alice", EventTime: tenOClock, DestinationStageARN: "d", DestinationSessionID: "st-d"},
			{Name: ivsrealtime.EventTokenExchanged, ParticipantID: "alice", EventTime: tenOClock, PreviousToken: token, NewToken: token},
		}
		write(t, s, func(tx *Tx) error {
			for _, e := range want {
				if err := tx.RecordEvent(ref, e); err != nil {
					return err
				}
			}
			return tx.RecordEvent(ParticipantRef{stage.ARN, session.ID, "bob"}, want[0])
		})
		read(t, s, func(tx *Tx) error {
			got := allPages(t, 3, func(p Page) ([]ivsrealtime.Event, int64, error) { return tx.ParticipantEvents(ref, p) })
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the history is %+v, expected %+v", got, want)
			}
			return nil
		})
	})
}

func TestNodes_WhatTheyHaveOpenIsFound(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage, elsewhere := aStage(t, s, here), aStage(t, s, here)
		session := aSession(t, s, stage.ARN, "dead", tenOClock)
		aSession(t, s, elsewhere.ARN, "living", tenOClock)
		ingest := &ivsrealtime.IngestConfiguration{ARN: newARN(arn.IngestConfiguration, here), StreamKey: "rt_1", State: ivsrealtime.IngestActive}
		there := Participant{StageARN: stage.ARN, SessionID: session.ID, Node: "dead", Participant: ivsrealtime.Participant{ParticipantID: "there", State: ivsrealtime.ParticipantConnected}}
		gone := Participant{StageARN: stage.ARN, SessionID: session.ID, Node: "dead", Participant: ivsrealtime.Participant{ParticipantID: "gone", State: ivsrealtime.ParticipantDisconnected}}
		replication := &Replication{Node: "dead", ParticipantReplica: ivsrealtime.ParticipantReplica{SourceStageARN: stage.ARN, ParticipantID: "there", DestinationStageARN: elsewhere.ARN, ReplicationState: ivsrealtime.ReplicationActive}}
		write(t, s, func(tx *Tx) error {
			return errors.Join(tx.AddNode("dead", tenOClock, NodeAddress{}), tx.AddNode("living", tenOClock, NodeAddress{}),
				tx.Ingests().Create(ingest), tx.Hold(ingest.ARN, "dead"), tx.Hold(ingest.ARN, "dead"),
				tx.CreateParticipant(&there), tx.CreateParticipant(&gone), tx.SaveReplication(replication))
		})
		expectCode(t, s.Write(context.Background(), func(tx *Tx) error { return tx.Hold(ingest.ARN, "living") }), ivsrealtime.Conflict, "for what another holds")
		read(t, s, func(tx *Tx) error {
			sessions, err := tx.OpenSessions("dead")
			if err != nil || !slices.Equal(sessions, []Session{session}) {
				t.Errorf("open sessions are %v, %v", sessions, err)
			}
			connected, err := tx.ConnectedParticipants("dead")
			if err != nil || len(connected) != 1 || connected[0].ParticipantID != "there" {
				t.Errorf("connected are %v, %v, expected the one who is there", connected, err)
			}
			replications, err := tx.OpenReplications("dead")
			if err != nil || len(replications) != 1 || !reflect.DeepEqual(&replications[0], replication) {
				t.Errorf("open replications are %v, %v", replications, err)
			}
			held, err := tx.Held("dead")
			if err != nil || !slices.Equal(held, []string{ingest.ARN}) {
				t.Errorf("held are %v, %v", held, err)
			}
			return nil
		})
		write(t, s, func(tx *Tx) error {
			if held, err := tx.Release(ingest.ARN, "living"); err != nil || held {
				t.Errorf("what another holds was released: %v, %v", held, err)
			}
			if held, err := tx.Release(ingest.ARN, "dead"); err != nil || !held {
				t.Errorf("what the node holds was not released: %v, %v", held, err)
			}
			return tx.Hold(ingest.ARN, "living")
		})
	})
}

func TestNodes_AreListedWhileTheyLiveOrHoldSomething(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ingest := &ivsrealtime.IngestConfiguration{ARN: newARN(arn.IngestConfiguration, here), StreamKey: "rt_1", State: ivsrealtime.IngestActive}
		expect := func(expected ...Node) {
			t.Helper()
			read(t, s, func(tx *Tx) error {
				nodes, err := tx.Nodes()
				slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
				if err != nil || !slices.Equal(nodes, expected) {
					t.Errorf("nodes are %v, %v, expected %v", nodes, err, expected)
				}
				return nil
			})
		}
		beat := func(expected bool) {
			t.Helper()
			write(t, s, func(tx *Tx) error {
				if there, err := tx.Beat("a", tenOClock.Add(time.Second)); err != nil || there != expected {
					t.Errorf("the heartbeat finds its node %v, %v, expected %v", there, err, expected)
				}
				return nil
			})
		}
		beat(false)
		write(t, s, func(tx *Tx) error {
			return errors.Join(tx.AddNode("a", tenOClock, NodeAddress{}), tx.AddNode("b", tenOClock, NodeAddress{}), tx.Ingests().Create(ingest), tx.Hold(ingest.ARN, "a"))
		})
		beat(true)
		expect(Node{ID: "a", Started: tenOClock, Seen: tenOClock.Add(time.Second)}, Node{ID: "b", Started: tenOClock, Seen: tenOClock})
		write(t, s, func(tx *Tx) error { return errors.Join(tx.ForgetNode("a"), tx.ForgetNode("b")) })
		expect(Node{ID: "a"})
		write(t, s, func(tx *Tx) error { return tx.ReleaseAll("a") })
		expect()
		// One that was taken for dead may have opened a session once more.
		stage := aStage(t, s, here)
		write(t, s, func(tx *Tx) error {
			return tx.OpenSession(Session{StageARN: stage.ARN, ID: "st-late", Node: "a", Start: tenOClock})
		})
		expect(Node{ID: "a"})
		write(t, s, func(tx *Tx) error { return tx.EndSession(stage.ARN, "st-late", tenOClock) })
		expect()
	})
}

func TestNodes_OneTakesTheCompositionsOfAnother(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		storage := &ivsrealtime.StorageConfiguration{ARN: newARN(arn.StorageConfiguration, here), S3: &ivsrealtime.S3StorageConfiguration{BucketName: "kept"}}
		encoder := &ivsrealtime.EncoderConfiguration{ARN: newARN(arn.EncoderConfiguration, here)}
		stage := aStage(t, s, here)
		var held []string
		write(t, s, func(tx *Tx) error {
			held = nil
			err := errors.Join(tx.Storages().Create(storage), tx.Encoders().Create(encoder), tx.Hold(stage.ARN, "dead")) // it is no composition
			for i := range 50 {
				c := aComposition(stage.ARN, encoder.ARN, storage.ARN)
				if i%10 == 0 { // its node died before it released it
					c.State, c.EndTime = ivsrealtime.CompositionStopped, c.StartTime
				} else {
					held = append(held, c.ARN)
				}
				err = errors.Join(err, tx.Compositions().Create(c), tx.Hold(c.ARN, "dead"))
			}
			return err
		})
		taken := make(chan []string, 4)
		for i := range cap(taken) {
			go func() {
				var mine []string
				err := s.Write(context.Background(), func(tx *Tx) (err error) {
					mine, err = tx.TakeCompositions("dead", fmt.Sprint("survivor", i))
					return err
				})
				if err != nil {
					t.Error(err)
				}
				taken <- mine
			}()
		}
		var all []string
		for range cap(taken) {
			all = append(all, <-taken...)
		}
		slices.Sort(all)
		slices.Sort(held)
		if !slices.Equal(all, held) {
			t.Errorf("%d compositions were taken, expected each of %d once", len(all), len(held))
		}
	})
}

func TestReplications_StopAndStartInTheirPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		source := aStage(t, s, here)
		var destinations []string
		save := func(destination string, state ivsrealtime.ReplicationState) {
			write(t, s, func(tx *Tx) error {
				return tx.SaveReplication(&Replication{Attributes: map[string]string{"a": "b"}, ReconnectWindowSeconds: 7, ParticipantReplica: ivsrealtime.ParticipantReplica{
					SourceStageARN: source.ARN, ParticipantID: "p", DestinationStageARN: destination, ReplicationState: state,
				}})
			})
		}
		for range 3 {
			destination := aStage(t, s, here)
			destinations = append(destinations, destination.ARN)
			save(destination.ARN, ivsrealtime.ReplicationActive)
		}
		save(destinations[0], ivsrealtime.ReplicationStopped)
		save(destinations[0], ivsrealtime.ReplicationActive)
		save(destinations[1], ivsrealtime.ReplicationStopped)
		read(t, s, func(tx *Tx) error {
			var got []string
			for _, r := range allPages(t, 2, func(p Page) ([]Replication, int64, error) { return tx.Replications(source.ARN, "p", p) }) {
				got = append(got, r.DestinationStageARN)
			}
			if !slices.Equal(got, destinations) {
				t.Errorf("replications go to %v, expected %v", got, destinations)
			}
			n, err := tx.CountReplications(source.ARN, "p")
			into, err2 := tx.ReplicationsInto(destinations[1])
			one, err3 := tx.Replication(source.ARN, "p", destinations[1])
			if n != 2 || len(into) != 0 || one == nil || one.ReplicationState != ivsrealtime.ReplicationStopped || one.ReconnectWindowSeconds != 7 {
				t.Errorf("%d are active, %v into the stopped one's stage, which is %+v", n, into, one)
			}
			return errors.Join(err, err2, err3)
		})
	})
}

func TestSweep_RemovesTheHistoryOfDeletedStagesAndOldSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		kept, deleted := aStage(t, s, here), aStage(t, s, here)
		refs := map[string]ParticipantRef{}
		session := func(name, stageARN string, end time.Time) {
			session := aSession(t, s, stageARN, "n1", end.Add(-time.Hour))
			refs[name] = ParticipantRef{stageARN, session.ID, "p"}
			write(t, s, func(tx *Tx) error {
				return errors.Join(
					tx.CreateParticipant(&Participant{StageARN: stageARN, SessionID: session.ID, Participant: ivsrealtime.Participant{ParticipantID: "p"}}),
					tx.RecordEvent(refs[name], ivsrealtime.Event{Name: ivsrealtime.EventJoined}),
					tx.EndSession(stageARN, session.ID, end))
			})
		}
		session("old", kept.ARN, time.Now().Add(-91*24*time.Hour))
		session("recent", kept.ARN, time.Now().Add(-89*24*time.Hour))
		session("of the deleted stage", deleted.ARN, time.Now())
		write(t, s, func(tx *Tx) error { return tx.Stages().Delete(deleted.ARN) })
		if _, err := s.Sweep(context.Background(), Retention{}); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *Tx) error {
			for name, ref := range refs {
				_, err := tx.Session(ref.StageARN, ref.SessionID)
				_, err2 := tx.Participant(ref)
				events, _, err3 := tx.ParticipantEvents(ref, Page{Limit: 9})
				there := err == nil && err2 == nil && len(events) == 1
				gone := errors.Is(err, ivsrealtime.ResourceNotFound) && errors.Is(err2, ivsrealtime.ResourceNotFound) && len(events) == 0
				if want := name == "recent"; there != want || gone == want || err3 != nil {
					t.Errorf("%s: session %v, participant %v, events %v, %v", name, err, err2, events, err3)
				}
			}
			return nil
		})
	})
}
