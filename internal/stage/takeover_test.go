package stage

import (
	"errors"
	"slices"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

// TestSession_GoesOnAtAnotherNode: the home of a session ended. One participant comes back to
// another node, one does not, and an encoder and a replica have left at once.
func TestSession_GoesOnAtAnotherNode(t *testing.T) {
	r, s := liveOn(t, store.Config{Dir: t.TempDir(), URL: postgres.Database(t)}, Config{Return: time.Second, Linger: time.Second})
	left := leaveOpen(t, s, 4)
	back, away, encoder, replica := left.participants[0], left.participants[1], left.participants[2], left.participants[3]
	var old store.Home
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		_, first := tx.UpdateParticipant(encoder, func(p *store.Participant) error { p.IngestConfigurationARN = "arn"; return nil })
		_, second := tx.UpdateParticipant(replica, func(p *store.Participant) error {
			p.ReplicationType = ivsrealtime.ReplicationReplica
			return nil
		})
		third := tx.AddNode("dead", left.died, store.NodeAddress{Protocol: 1})
		h, fourth := tx.AcquireHome(left.source, "dead", nil)
		old = h
		return errors.Join(first, second, third, fourth, tx.ForgetNode("dead"))
	})
	if err != nil {
		t.Fatal(err)
	}
	name, err := arn.Parse(left.source)
	if err != nil {
		t.Fatal(err)
	}
	g := authority.Grant{Account: name.Account, Region: name.Region, Claims: token.Claims{
		StageARN: left.source, StageID: name.ID, ParticipantID: back.ParticipantID, Publish: true, Subscribe: true, IssuedAt: time.Now(),
	}}
	if _, err := r.OpenSocket(g, SocketConfig{Deliver: func(Message) {}}); err != nil {
		t.Fatal(err)
	}
	err = s.Write(t.Context(), func(tx *store.Tx) error { return tx.RequireHome(left.source, old) })
	if !errors.Is(err, store.ErrHomeLost) {
		t.Errorf("the former home writes on, and gets %v", err)
	}
	if err := r.closeDead(t.Context(), store.Node{ID: "dead", Seen: left.died}); err != nil { // of a node that finds it dead just now
		t.Fatal(err)
	}
	stopped := []ivsrealtime.EventName{ivsrealtime.EventPublishStarted, ivsrealtime.EventPublishStopped}
	gone := append(slices.Clone(stopped), ivsrealtime.EventLeft)
	left.expectHistory(t, s, encoder, ivsrealtime.ParticipantDisconnected, gone)
	left.expectHistory(t, s, replica, ivsrealtime.ParticipantDisconnected, gone)
	left.expectHistory(t, s, back, ivsrealtime.ParticipantConnected, stopped)
	live := r.findSession(left.source)
	if live == nil || live.id != left.session {
		t.Fatalf("the live session is %v, expected %s", live, left.session)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, present := r.Participant(left.source, away.ParticipantID); !present {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("who does not come back is shown")
		}
	}
	left.expectHistory(t, s, away, ivsrealtime.ParticipantDisconnected, gone)
	left.expectHistory(t, s, back, ivsrealtime.ParticipantConnected, stopped)
}

func (d *deadNode) expectHistory(t *testing.T, s *store.Store, of store.ParticipantRef, state ivsrealtime.ParticipantState, want []ivsrealtime.EventName) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *store.Tx) error {
		p, err := tx.Participant(of)
		if err != nil {
			return err
		}
		events, _, err := tx.ParticipantEvents(of, store.Page{Limit: 100})
		var names []ivsrealtime.EventName
		for _, e := range events {
			if e.Name != ivsrealtime.EventReplicationStopped {
				names = append(names, e.Name)
			}
		}
		if p.State != state || !slices.Equal(names, want) {
			t.Errorf("%s is %s with %v, expected %s with %v", of.ParticipantID, p.State, names, state, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSession_IsTakenOverWhileItsNodeIsClosed: another node finds the former home dead, and closes
// what was there, while the session is taken over.
func TestSession_IsTakenOverWhileItsNodeIsClosed(t *testing.T) {
	r, s := liveOn(t, store.Config{Dir: t.TempDir(), URL: postgres.Database(t)}, Config{Return: time.Hour, Linger: time.Second})
	left := leaveOpen(t, s, 100)
	var home store.Home
	err := s.Write(t.Context(), func(tx *store.Tx) (err error) {
		home, err = tx.AcquireHome(left.source, r.nodeID, func(store.Node) bool { return true })
		return errors.Join(err, tx.AddNode("dead", left.died, store.NodeAddress{Protocol: 1}))
	})
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- r.closeDead(t.Context(), store.Node{ID: "dead", Seen: left.died}) }()
	taken, err := r.takeOver(left.source, home)
	if err := errors.Join(err, <-closed); err != nil {
		t.Fatal(err)
	}
	present := map[string]bool{}
	if taken != nil { // it came before the other
		for _, p := range taken.participants {
			present[p.ParticipantID] = true
		}
	}
	for _, ref := range left.participants {
		state, want := ivsrealtime.ParticipantDisconnected, []ivsrealtime.EventName{ivsrealtime.EventPublishStarted, ivsrealtime.EventPublishStopped, ivsrealtime.EventLeft}
		if present[ref.ParticipantID] {
			state, want = ivsrealtime.ParticipantConnected, want[:2]
		}
		left.expectHistory(t, s, ref, state, want)
	}
}

// TestReplication_OfANewHomeIsNotEndedByTheFormerOne: a home that stalled still has a replication,
// in its reconnect window, which the new home has begun again.
func TestReplication_OfANewHomeIsNotEndedByTheFormerOne(t *testing.T) {
	r, s := liveOn(t, store.Config{Dir: t.TempDir(), URL: postgres.Database(t)}, Config{Return: time.Hour, Linger: time.Second})
	left := leaveOpen(t, s, 1)
	p := left.participants[0]
	key := replicationKey{left.source, p.ParticipantID, left.destination}
	rep := &replication{key: key, confirmed: true, sourceSession: left.session, outgoing: &outgoingReplica{node: "destination", changed: make(chan struct{}, 1)}}
	r.replications[key] = rep
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.AddNode("new", time.Now(), store.NodeAddress{Protocol: 1}), tx.SaveReplication(&store.Replication{Node: "new", ParticipantReplica: ivsrealtime.ParticipantReplica{
			SourceStageARN: left.source, SourceSessionID: left.session, ParticipantID: p.ParticipantID,
			DestinationStageARN: left.destination, ReplicationState: ivsrealtime.ReplicationActive,
		}}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // which ends all that it has
		t.Fatal(err)
	}
	if err := s.Read(t.Context(), func(tx *store.Tx) error {
		now, err := tx.Replication(left.source, p.ParticipantID, left.destination)
		if err == nil && (now.ReplicationState != ivsrealtime.ReplicationActive || now.Node != "new") {
			t.Errorf("the replication of the new home is %s, of node %s", now.ReplicationState, now.Node)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
