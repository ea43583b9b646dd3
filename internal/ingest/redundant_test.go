package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/channel"
	"rostrum/internal/media"
	"rostrum/internal/rtmp"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// redundantly is onStage with two stream keys for one participant.
func redundantly(s *fixture, cfg *channel.Config) {
	onStage(ivsrealtime.IngestRTMP, stage.Limits{})(s, cfg)
	s.config.RedundantIngest = true
	for _, name := range []string{"a", "b"} {
		s.config.RedundantIngestCredentials = append(s.config.RedundantIngestCredentials,
			ivsrealtime.RedundantIngestCredential{ParticipantID: "physical-" + name, StreamKey: s.config.StreamKey + name})
	}
}

func (s *fixture) grant(id string) authority.Grant {
	return authority.Grant{Account: "111122223333", Region: "eu-west-1", Claims: token.Claims{
		StageARN: s.stage.ARN, ParticipantID: id, Publish: true, Subscribe: true, IssuedAt: time.Now(),
	}}
}

// An onAir encoder sends in real time until it is stopped or its connection ends. Each picture
// has its name.
type onAir struct {
	*encoder
	ended chan struct{}
	quiet sync.Mutex // held while it sends nothing
}

func (s *fixture) publishAs(t *testing.T, name string) *onAir {
	t.Helper()
	f, err := s.publish(t, s.config.StreamKey+name)
	if err != nil {
		t.Fatal(err)
	}
	f.filler = []byte{6, 5, 1, name[0], 0x80} // supplemental information
	e := &onAir{encoder: f, ended: make(chan struct{})}
	var cause error
	go func() {
		defer close(e.ended)
		for tick := time.NewTicker(40 * time.Millisecond); cause == nil; <-tick.C {
			e.quiet.Lock()
			cause = f.send(1)
			e.quiet.Unlock()
		}
	}()
	t.Cleanup(func() {
		f.push.Abort()
		<-e.ended
		if t.Failed() {
			t.Logf("encoder %s ended with %v; its participant's events are %s", name, cause, s.participantHistory(t, "physical-"+name))
		}
	})
	return e
}

// A viewing is what a viewer of the virtual participant gets.
type viewing struct {
	mu    sync.Mutex
	names string // of the encoders whose pictures came, in order
	fault string
}

// shows reports whether an encoder's pictures came last. Which came before is not certain: on a
// busy machine an encoder of these tests may pause for so long that another takes its place.
func (v *viewing) shows(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.HasSuffix(v.names, name)
}

// watch views the virtual participant. Timestamps must continue, whoever sends.
func (s *fixture) watch(t *testing.T) *viewing {
	t.Helper()
	v := &viewing{}
	frames := s.view(t)
	go func() {
		last := map[media.Kind]uint32{}
		for t.Context().Err() == nil {
			select {
			case f := <-frames:
				v.add(f, last)
			case <-t.Context().Done():
			}
		}
	}()
	return v
}

func (v *viewing) add(f received, last map[media.Kind]uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kind := f.codec.Kind()
	if before, began := last[kind]; began && int32(f.Timestamp-before) <= 0 {
		v.fault = fmt.Sprintf("%s has the timestamp %d after %d", kind, f.Timestamp, before)
	}
	last[kind] = f.Timestamp
	if at := len(f.Data) - 5; kind == media.Video && at >= 0 && bytes.HasPrefix(f.Data[at:], []byte{6, 5, 1}) {
		if name := string(f.Data[at+3]); !strings.HasSuffix(v.names, name) {
			v.names += name
		}
	}
}

// participantHistory is that of one participant in the stage's session.
func (s *fixture) participantHistory(t *testing.T, id string) (names string) {
	t.Helper()
	err := s.store.Read(context.Background(), func(tx *store.Tx) error {
		names = ""
		sessions, _, err := tx.Sessions(s.stage.ARN, store.Page{Limit: 1})
		if err != nil || len(sessions) == 0 {
			return err
		}
		all, _, err := tx.ParticipantEvents(store.ParticipantRef{StageARN: s.stage.ARN, SessionID: sessions[0].ID, ParticipantID: id}, store.Page{Limit: 100})
		for _, e := range all {
			names += string(e.Name) + " "
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(names)
}

// listener opens an events socket, and returns what it got.
func (s *fixture) listen(t *testing.T, id string) (got func() string) {
	t.Helper()
	var mu sync.Mutex
	var all strings.Builder
	socket, err := s.stages.OpenSocket(s.grant(id), stage.SocketConfig{Deliver: func(m stage.Message) {
		mu.Lock()
		defer mu.Unlock()
		all.Write(append(m.Data, '\n'))
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(socket.Close)
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

func TestRedundantIngest_ShowsViewersOneParticipantThatGoesOn(t *testing.T) {
	s := start(t, redundantly)
	told := s.listen(t, "viewer")
	a := s.publishAs(t, "a")
	await(t, "the virtual participant publishes", func() bool { return strings.Contains(told(), `"isPublishing":true`) })
	v := s.watch(t)
	await(t, "a's pictures", func() bool { return v.shows("a") })
	b := s.publishAs(t, "b")
	for _, id := range []string{"physical-a", "physical-b"} { // it is recorded some time after viewers see it
		await(t, id+" publishes", func() bool { return strings.Contains(s.participantHistory(t, id), "PUBLISH_STARTED") })
	}

	a.push.Abort()
	await(t, "b's pictures after a's connection closed", func() bool { return v.shows("b") })
	await(t, "a left", func() bool { return strings.HasSuffix(s.participantHistory(t, "physical-a"), "LEFT") })
	s.publishAs(t, "a")
	await(t, "a publishes again", func() bool { return strings.Count(s.participantHistory(t, "physical-a"), "PUBLISH_STARTED") == 2 })
	b.quiet.Lock()
	await(t, "a's pictures after b fell silent", func() bool { return v.shows("a") })
	b.quiet.Unlock()
	await(t, "b sends again", func() bool { return len(b.ended) == 0 })

	late := s.listen(t, "late")
	await(t, "the state of the stage", func() bool { return strings.Contains(late(), "hostofshow") })
	if all := told() + late(); strings.Contains(all, "physical-") || strings.Contains(all, "PARTICIPANT_LEFT") {
		t.Errorf("viewers are told of the encoders:\n%s", all)
	}
	v.mu.Lock()
	if v.fault != "" {
		t.Error(v.fault)
	}
	v.mu.Unlock()
	if n := s.participantHistory(t, "hostofshow"); n != "" {
		t.Errorf("the virtual participant has the history %s", n)
	}
	s.checkPhysicalRow(t, "physical-b")
	s.endBoth(t, told)
}

func (s *fixture) checkPhysicalRow(t *testing.T, id string) {
	t.Helper()
	err := s.store.Read(t.Context(), func(tx *store.Tx) error {
		sessions, _, err := tx.Sessions(s.stage.ARN, store.Page{Limit: 1})
		if err != nil {
			return err
		}
		row, err := tx.Participant(store.ParticipantRef{StageARN: s.stage.ARN, SessionID: sessions[0].ID, ParticipantID: id})
		if err == nil && (!row.RedundantIngest || row.IngestConfigurationARN != s.config.ARN || row.UserID != "host") {
			t.Errorf("the participant is stored as %+v", row)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// endBoth disconnects the virtual participant.
func (s *fixture) endBoth(t *testing.T, told func() string) {
	t.Helper()
	if err := s.stages.Disconnect(t.Context(), s.stage.ARN, "hostofshow", "goodbye"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"physical-a", "physical-b"} {
		await(t, id+" left", func() bool { return strings.HasSuffix(s.participantHistory(t, id), "LEFT") })
	}
	await(t, "the virtual participant left", func() bool { return strings.Contains(told(), "PARTICIPANT_LEFT") })
	await(t, "inactive", func() bool { return s.ingestState(t) == ivsrealtime.IngestInactive })
}

func TestRedundantIngest_GoesOnWithoutADisconnectedEncoder(t *testing.T) {
	s := start(t, redundantly)
	told := s.listen(t, "viewer")
	a := s.publishAs(t, "a")
	await(t, "publishing", func() bool { return strings.Contains(told(), `"isPublishing":true`) })
	v := s.watch(t)
	await(t, "a's pictures", func() bool { return v.shows("a") })
	b := s.publishAs(t, "b")
	await(t, "b publishes", func() bool { return strings.Contains(s.participantHistory(t, "physical-b"), "PUBLISH_STARTED") })
	if err := s.stages.Disconnect(t.Context(), s.stage.ARN, "physical-a", "goodbye"); err != nil {
		t.Fatal(err)
	}
	await(t, "b's pictures", func() bool { return v.shows("b") })
	<-a.ended
	if s.ingestState(t) != ivsrealtime.IngestActive || strings.Contains(told(), "PARTICIPANT_LEFT") {
		t.Error("the other encoder does not count")
	}
	_ = b.push.Close()
	await(t, "the virtual participant left", func() bool { return strings.Contains(told(), "PARTICIPANT_LEFT") })
	await(t, "inactive", func() bool { return s.ingestState(t) == ivsrealtime.IngestInactive })
}

// Nobody can subscribe to what the encoders themselves publish, nor join as they.
func TestRedundantIngest_HidesItsEncoders(t *testing.T) {
	s := start(t, redundantly)
	told := s.listen(t, "viewer")
	s.publishAs(t, "a")
	await(t, "publishing", func() bool { return strings.Contains(told(), `"isPublishing":true`) })
	refused := func(what string, err error, code authority.Code) {
		if why, ok := errors.AsType[*authority.Refusal](err); !ok || why.Code != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	_, _, err := s.stages.Subscribe(s.grant("viewer"), stage.PublisherRef{ID: "physical-a"}, "v=0", stage.Client{})
	refused("a subscription to an encoder", err, authority.PublisherNotFound)
	_, err = s.stages.OpenSocket(s.grant("hostofshow"), stage.SocketConfig{Deliver: func(stage.Message) {}})
	refused("a socket of the virtual participant", err, authority.TokenNotAllowed)
	_, err = s.publish(t, s.config.StreamKey)
	if !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), "redundantIngestCredentials") {
		t.Errorf("the key that is not redundant is answered by %v", err)
	}
}

// On another stage the virtual participant can be shown, its encoders can't.
func TestRedundantIngest_IsReplicatedAsOneParticipant(t *testing.T) {
	s := start(t, redundantly)
	told := s.listen(t, "viewer")
	s.publishAs(t, "a")
	await(t, "publishing", func() bool { return strings.Contains(told(), `"isPublishing":true`) })
	other := &ivsrealtime.Stage{ARN: arn.New(arn.Stage, "111122223333", "eu-west-1").String(), Tags: map[string]string{}}
	if err := s.store.Write(t.Context(), func(tx *store.Tx) error { return tx.Stages().Create(other) }); err != nil {
		t.Fatal(err)
	}
	replication := stage.Replication{SourceStageARN: s.stage.ARN, DestinationStageARN: other.ARN, ParticipantID: "physical-a"}
	if err := s.stages.Replicate(t.Context(), replication); !errors.Is(err, ivsrealtime.ResourceNotFound) {
		t.Errorf("an encoder is replicated: %v", err)
	}
	replication.ParticipantID = "hostofshow"
	if err := s.stages.Replicate(t.Context(), replication); err != nil {
		t.Fatal(err)
	}
	if there, ok := s.stages.Participant(other.ARN, "hostofshow"); !ok || !there.Replica || !there.Publishing {
		t.Errorf("the replica is %+v", there)
	}
	if err := s.stages.StopReplication(t.Context(), s.stage.ARN, other.ARN, "hostofshow"); err != nil {
		t.Error(err)
	}
}

func TestRedundantIngest_EndsWithItsStage(t *testing.T) {
	s := start(t, redundantly)
	a, b := s.publishAs(t, "a"), s.publishAs(t, "b")
	await(t, "b publishes", func() bool { return strings.Contains(s.participantHistory(t, "physical-b"), "PUBLISH_STARTED") })
	if err := s.stages.StageDeleted(t.Context(), s.stage.ARN); err != nil {
		t.Fatal(err)
	}
	<-a.ended
	<-b.ended
	await(t, "inactive", func() bool { return s.ingestState(t) == ivsrealtime.IngestInactive })
}
