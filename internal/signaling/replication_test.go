package signaling_test

import (
	"maps"
	"strings"
	"testing"

	"rostrum/internal/arn"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// another returns the same server with another stage.
func (c *fixture) another() *fixture {
	c.Helper()
	other := *c
	other.stage = arn.New(arn.Stage, c.stage.Account, c.stage.Region)
	c.write(func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: other.stage.String()}) })
	return &other
}

// replicate shows alice on another stage.
func (c *fixture) replicate(to *fixture, change ...func(*stage.Replication)) error {
	want := stage.Replication{SourceStageARN: c.stage.String(), DestinationStageARN: to.stage.String(), ParticipantID: "alice", Max: 5}
	for _, f := range change {
		f(&want)
	}
	return c.registry.Replicate(c.ctx, want)
}

func within(seconds int) func(*stage.Replication) {
	return func(r *stage.Replication) { r.ReconnectWindowSeconds = seconds }
}

// replicas are those of alice, as ListParticipantReplicas has them.
func (c *fixture) replicas() (all []ivsrealtime.ParticipantReplica) {
	c.Helper()
	c.read(func(tx *store.Tx) error {
		found, _, err := tx.Replications(c.stage.String(), "alice", store.Page{Limit: 100})
		for _, r := range found {
			all = append(all, r.ParticipantReplica)
		}
		return err
	})
	return all
}

// replicationOf is a participant's replication type and state in the newest session of the stage.
func (c *fixture) replicationOf(id string) string {
	p := c.participant(id)
	return string(p.ReplicationType) + " " + string(p.ReplicationState)
}

// A replication ends for each reason on both sides: the replica leaves, all states are STOPPED,
// and the events say so.
func TestReplication_EndsOnBothSides(t *testing.T) {
	for name, c := range map[string]struct {
		window int
		end    func(from, to *fixture, p *realtime.Publication) error
		goesOn bool // the publisher does, on its own stage
	}{
		"StopParticipantReplication": {300, func(from, to *fixture, _ *realtime.Publication) error {
			return from.registry.StopReplication(from.ctx, from.stage.String(), to.stage.String(), "alice")
		}, true},
		"the publisher stops, without a reconnect window": {0, func(_, _ *fixture, p *realtime.Publication) error { return p.Close() }, false},
		"the reconnect window is over":                    {1, func(_, _ *fixture, p *realtime.Publication) error { return p.Close() }, false},
		"DisconnectParticipant on the source stage, whatever the window": {300, func(from, _ *fixture, _ *realtime.Publication) error {
			return from.registry.Disconnect(from.ctx, from.stage.String(), "alice", "enough")
		}, false},
		"DisconnectParticipant on the destination stage": {300, func(_, to *fixture, _ *realtime.Publication) error {
			return to.registry.Disconnect(to.ctx, to.stage.String(), "alice", "enough")
		}, true},
		"DeleteStage of the source": {300, func(from, _ *fixture, _ *realtime.Publication) error {
			return from.registry.StageDeleted(from.ctx, from.stage.String())
		}, false},
		"DeleteStage of the destination": {300, func(_, to *fixture, _ *realtime.Publication) error {
			return to.registry.StageDeleted(to.ctx, to.stage.String())
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := newFixture(t, stage.Config{}) // whose sessions last longer than the test
			to := from.another()
			p := from.publish(from.token("alice"), false)
			from.untilHistory("alice", "JOINED PUBLISH_STARTED")
			check(t, from.replicate(to, within(c.window)))
			to.eventually("the replica publishes", func() bool { return to.history("alice") == "JOINED PUBLISH_STARTED" })
			if source, replica := from.replicationOf("alice"), to.replicationOf("alice"); source != "SOURCE ACTIVE" || replica != "REPLICA ACTIVE" {
				t.Errorf("while it runs the source is %s and the replica %s", source, replica)
			}
			check(t, c.end(from, to, p))
			to.untilHistory("alice", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT")
			from.eventually("both sides have stopped", func() bool {
				all := from.replicas()
				return from.replicationOf("alice") == "SOURCE STOPPED" && to.replicationOf("alice") == "REPLICA STOPPED" &&
					len(all) == 1 && all[0].ReplicationState == ivsrealtime.ReplicationStopped
			})
			from.eventually("the source's events say so", func() bool {
				return countName(from.eventsAbout("alice"), "Participant Replication End") == 1
			})
			if is := from.participant("alice").State == ivsrealtime.ParticipantConnected; is != c.goesOn {
				t.Errorf("the publisher is connected to its own stage: %v", is)
			}
		})
	}
}

func countName(list, name string) (n int) {
	for one := range strings.SplitSeq(list, ", ") {
		if one == name || strings.HasPrefix(one, name+" ") {
			n++
		}
	}
	return n
}

// Within the window a participant is waited for, although its session ended meanwhile.
func TestReplication_GoesOnInANewSessionOfItsSource(t *testing.T) {
	t.Parallel()
	from := newFixture(t, fast)
	to := from.another()
	there := to.listen(to.token("bob", viewer), "")
	alice := from.token("alice")
	p := from.publish(alice, false)
	from.untilHistory("alice", "JOINED PUBLISH_STARTED")
	check(t, from.replicate(to, within(300)))
	there.untilState("bob alice+")
	first := from.replicas()[0].SourceSessionID
	check(t, p.Close())
	there.untilState("bob alice")
	from.eventually("the session of the source has ended", func() bool {
		return countName(from.events(), "Session Ended") == 1
	})
	if all := from.replicas(); all[0].ReplicationState != ivsrealtime.ReplicationActive {
		t.Errorf("within the window the replication is %s", all[0].ReplicationState)
	}
	from.publish(alice, false)
	there.untilState("bob alice+")
	from.eventually("all name the new session", func() bool {
		r, replica := from.replicas()[0], to.participant("alice")
		return r.SourceSessionID != first && r.ReplicationState == ivsrealtime.ReplicationActive &&
			replica.SourceSessionID == r.SourceSessionID && from.replicationOf("alice") == "SOURCE ACTIVE"
	})
	from.read(func(tx *store.Tx) error {
		old, err := tx.Participant(store.ParticipantRef{StageARN: from.stage.String(), SessionID: first, ParticipantID: "alice"})
		if err == nil && old.ReplicationState != ivsrealtime.ReplicationStopped {
			t.Errorf("in the session that has ended the replication is %s", old.ReplicationState)
		}
		return err
	})
}

func TestReplication_LaysItsAttributesOverTheTokens(t *testing.T) {
	for name, c := range map[string]struct{ token, over, want map[string]string }{
		"none":               {nil, nil, map[string]string{}},
		"those of the token": {map[string]string{"a": "1"}, nil, map[string]string{"a": "1"}},
		"those of the call":  {nil, map[string]string{"b": "2"}, map[string]string{"b": "2"}},
		"both":               {map[string]string{"a": "1"}, map[string]string{"b": "2"}, map[string]string{"a": "1", "b": "2"}},
		"the same key":       {map[string]string{"a": "1", "c": "3"}, map[string]string{"a": "2"}, map[string]string{"a": "2", "c": "3"}},
		"an empty value":     {map[string]string{"a": "1"}, map[string]string{"a": ""}, map[string]string{"a": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := newFixture(t, fast)
			to := from.another()
			from.publish(from.token("alice", func(claims *token.Claims) { claims.Attributes = c.token }), false)
			from.untilHistory("alice", "JOINED PUBLISH_STARTED")
			check(t, from.replicate(to, func(r *stage.Replication) { r.Attributes = c.over }))
			m := to.listen(to.token("bob", viewer), "").until("the replica", func(m wire.Message) bool {
				s, ok := m.Payload.(wire.StageState)
				return ok && len(s.Participants) == 2
			})
			for _, p := range m.Payload.(wire.StageState).Participants {
				if p.ID == "alice" && !maps.Equal(p.Attributes, c.want) {
					t.Errorf("viewers see %v, want %v", p.Attributes, c.want)
				}
			}
			if got := to.participant("alice").Attributes; !maps.Equal(got, c.want) {
				t.Errorf("the participant has %v, want %v", got, c.want)
			}
		})
	}
}

func TestReplication_IsRefused(t *testing.T) {
	t.Parallel()
	from := newFixture(t, stage.Config{Limits: stage.Limits{StagePublishers: 1}})
	there := make([]*fixture, 6)
	for i := range there {
		there[i] = from.another()
	}
	from.publish(from.token("alice"), false)
	from.untilHistory("alice", "JOINED PUBLISH_STARTED")
	for _, to := range there[:4] {
		check(t, from.replicate(to))
	}
	full := from.another()
	full.publish(full.token("carol"), false)
	full.untilHistory("carol", "JOINED PUBLISH_STARTED")
	taken := from.another()
	taken.listen(taken.token("alice", viewer), "")
	taken.untilHistory("alice", "JOINED")
	for _, c := range []struct {
		why    string
		from   *fixture
		to     *fixture
		change func(*stage.Replication)
		want   ivsrealtime.Code
	}{
		{"to a stage where it is already", from, there[0], nil, ivsrealtime.Conflict},
		{"to a stage with a participant of that id", from, taken, nil, ivsrealtime.Conflict},
		{"to a stage that is full", from, full, nil, ivsrealtime.ServiceQuotaExceeded},
		{"of nobody", from, there[4], func(r *stage.Replication) { r.ParticipantID = "nobody" }, ivsrealtime.ResourceNotFound},
		{"of one who does not publish", taken, there[4], nil, ivsrealtime.ResourceNotFound},
		{"of a replica", there[0], there[4], nil, ivsrealtime.ResourceNotFound},
		{"the fifth", from, there[4], nil, ""},
		{"the sixth", from, there[5], nil, ivsrealtime.ServiceQuotaExceeded},
	} {
		err := c.from.replicate(c.to, func(r *stage.Replication) {
			if c.change != nil {
				c.change(r)
			}
		})
		if c.want == "" && err != nil || c.want != "" && !isCode(err, c.want) {
			t.Errorf("replicating %s gives %v, want %s", c.why, err, c.want)
		}
	}
	check(t, from.registry.StopReplication(from.ctx, from.stage.String(), there[0].stage.String(), "alice"))
	if err := from.replicate(there[5]); err != nil {
		t.Errorf("after one was stopped another gives %v", err)
	}
}

// Each direction is a replication of its own.
func TestReplication_GoesBothWays(t *testing.T) {
	t.Parallel()
	a := newFixture(t, fast)
	b := a.another()
	onA, onB := a.listen(a.token("watch", viewer), ""), b.listen(b.token("watch", viewer), "")
	a.publish(a.token("alice"), false)
	b.publish(b.token("bob"), false)
	onA.untilState("watch alice+")
	onB.untilState("watch bob+")
	check(t, a.replicate(b))
	check(t, b.replicate(a, func(r *stage.Replication) { r.ParticipantID = "bob" }))
	onA.untilState("watch alice+ bob+")
	onB.untilState("watch bob+ alice+")
	a.subscribe(a.token("watch", viewer), "bob")
	b.subscribe(b.token("watch", viewer), "alice")
	check(t, a.registry.StopReplication(a.ctx, a.stage.String(), b.stage.String(), "alice"))
	onB.untilState("watch bob+")
	if got := b.replicationOf("bob"); got != "SOURCE ACTIVE" {
		t.Errorf("the other direction is %s", got)
	}
}
