package realtime_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"rostrum/internal/arn"
	"rostrum/internal/token"
	"rostrum/realtime"
	"rostrum/test/tcppath"
)

// received are the samples and packets of a subscription, as far as they are received.
type received struct {
	samples   chan realtime.Received
	packets   chan *rtp.Packet
	keyframes chan struct{}
}

// subscribe subscribes as soon as the publisher publishes.
func (s *stageServer) subscribe(stage *realtime.Stage, publisher string) (*realtime.Subscription, received) {
	s.Helper()
	until(s, stage, func(e realtime.PublishChanged) bool { return e.Participant.ID == publisher && e.Participant.Publishing })
	r := received{make(chan realtime.Received, 1), make(chan *rtp.Packet, 1), make(chan struct{}, 100)}
	sub, err := stage.Subscribe(s.ctx, publisher, realtime.SubscribeConfig{
		OnSample: func(t *realtime.RemoteTrack, f realtime.Received) {
			if t.Codec == realtime.H264 && t.ParticipantID == publisher {
				select {
				case r.samples <- f:
				default:
				}
				if f.Keyframe {
					r.keyframes <- struct{}{} // there are few
				}
			}
		},
		OnPacket: func(t *realtime.RemoteTrack, p *rtp.Packet) {
			if t.Codec == realtime.H264 {
				select {
				case r.packets <- p:
				default:
				}
			}
		},
	})
	s.check(err)
	return sub, r
}

// await is the next of a channel.
func await[T any](s *stageServer, from <-chan T) T {
	s.Helper()
	select {
	case v := <-from:
		return v
	case <-s.ctx.Done():
		s.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestStage_PublishesAndSubscribes(t *testing.T) {
	s := newStageServer(t)
	alice, bob := s.join("alice", realtime.Config{}), s.join("bob", realtime.Config{})
	video := realtime.NewTrack(realtime.H264)
	published, err := alice.Publish(s.ctx, realtime.NewTrack(realtime.Opus), video)
	s.check(err)
	s.sendPictures(video)
	sub, got := s.subscribe(bob, "alice")
	if first := await(s, got.samples); !first.Keyframe || first.Width != 320 || first.Height != 176 {
		t.Errorf("the first sample is %dx%d, a keyframe: %t", first.Width, first.Height, first.Keyframe)
	}
	if p := await(s, got.packets); len(p.Payload) == 0 {
		t.Error("the first packet is empty")
	}
	if all := bob.Participants(); len(all) != 2 || all[0].ID != "alice" || !all[0].Publishing || all[0].Local || all[0].Attributes["name"] != "alice" || !all[1].Local {
		t.Errorf("the participants are %+v", all)
	}
	if st := video.Stats(); st.Packets == 0 || st.Samples == 0 {
		t.Errorf("the publisher's statistics are %+v", st)
	}
	if st := sub.Tracks()[0].Stats(); st.Packets == 0 {
		t.Errorf("the subscriber's statistics are %+v", st)
	}
	s.check(published.Close())
	until(s, bob, func(e realtime.PublishChanged) bool { return e.Participant.ID == "alice" && !e.Participant.Publishing })
	left := time.Now()
	s.check(alice.Close())
	until(s, bob, func(e realtime.ParticipantLeft) bool { return e.Participant.ID == "alice" })
	if took := time.Since(left); took > 8*time.Second { // a lost socket is waited for, for ten
		t.Errorf("others learn of the end after %v", took)
	}
	if _, err := bob.Subscribe(s.ctx, "alice", realtime.SubscribeConfig{}); !errors.Is(err, realtime.PublisherNotFound) {
		t.Errorf("subscribing to who left gives %v", err)
	}
	if err := published.Err(); !errors.Is(err, realtime.ErrClosed) {
		t.Errorf("a publication that was closed has the error %v", err)
	}
}

func TestStage_MutesAtOnceAndTellsOthers(t *testing.T) {
	s := newStageServer(t)
	alice, bob := s.join("alice", realtime.Config{}), s.join("bob", realtime.Config{})
	video := realtime.NewTrack(realtime.H264)
	_, err := alice.Publish(s.ctx, video)
	s.check(err)
	s.sendPictures(video)
	_, got := s.subscribe(bob, "alice")
	await(s, got.samples)
	s.check(alice.SetMuted(s.ctx, realtime.Video, true))
	sent := video.Stats().Packets
	muted := until[realtime.MuteChanged](s, bob, nil).Participant
	if muted.ID != "alice" || !muted.VideoStopped || muted.AudioMuted {
		t.Errorf("others see %+v", muted)
	}
	if now := video.Stats(); now.Packets != sent {
		t.Errorf("%d packets were sent while it was muted", now.Packets-sent)
	}
	for len(got.keyframes) > 0 {
		<-got.keyframes
	}
	s.check(alice.SetMuted(s.ctx, realtime.Video, false))
	if e := until[realtime.MuteChanged](s, bob, nil); e.Participant.VideoStopped {
		t.Errorf("others see %+v", e)
	}
	await(s, got.keyframes) // it begins with one
}

func TestStage_CarriesSEIWithPictures(t *testing.T) {
	s := newStageServer(t)
	alice, bob := s.join("alice", realtime.Config{}), s.join("bob", realtime.Config{})
	video := realtime.NewTrack(realtime.H264)
	_, err := alice.Publish(s.ctx, video)
	s.check(err)
	s.sendPictures(video)
	_, got := s.subscribe(bob, "alice")
	await(s, got.samples)
	sent := realtime.SEIMessage{UUID: [16]byte{1, 0, 0, 3}, Payload: append(bytes.Repeat([]byte{0}, 500), 1, 2, 3)}
	s.check(video.InsertSEI(sent, 30)) // repeated, since a channel of one element may miss some
	for {
		isSent := func(m realtime.SEIMessage) bool { return m.UUID == sent.UUID && bytes.Equal(m.Payload, sent.Payload) }
		if slices.ContainsFunc(await(s, got.samples).SEI(), isSent) {
			return
		}
	}
}

func TestStage_ExchangesItsToken(t *testing.T) {
	s := newStageServer(t)
	key, kid := s.importKey()
	claims := s.claims("alice")
	claims.KeyARN = kid
	sign := func() string {
		raw, err := token.Mint(key, claims)
		s.check(err)
		return raw
	}
	alice, err := realtime.Join(s.ctx, sign(), realtime.Config{})
	s.check(err)
	defer alice.Close()
	bob := s.join("bob", realtime.Config{})
	claims.Attributes = map[string]string{"name": "Alice Doe"}
	claims.Publish = false
	s.check(alice.ExchangeToken(s.ctx, sign()))
	if e := until[realtime.MetadataChanged](s, bob, nil); e.Participant.Attributes["name"] != "Alice Doe" || e.Participant.MayPublish {
		t.Errorf("others see %+v", e.Participant)
	}
	if _, err := alice.Publish(s.ctx, realtime.NewTrack(realtime.Opus)); !errors.Is(err, realtime.TokenNotAllowed) {
		t.Errorf("publishing without the right gives %v", err)
	}
	claims.StageID = "AbCdEfGhIjKl"
	if err := alice.ExchangeToken(s.ctx, sign()); err == nil {
		t.Error("a token of another stage is accepted")
	}
	<-alice.Done()
	if p, ok := errors.AsType[*realtime.Problem](alice.Err()); !ok || p.Code == "" {
		t.Errorf("after an exchange that failed the stage ends with %v", alice.Err())
	}
}

func TestStage_EndsWhenItsParticipantIsDisconnected(t *testing.T) {
	s := newStageServer(t)
	alice := s.join("alice", realtime.Config{})
	published, err := alice.Publish(s.ctx, realtime.NewTrack(realtime.Opus))
	s.check(err)
	s.check(s.registry.Disconnect(s.ctx, s.stage.String(), "alice", "be nice"))
	await(s, alice.Done())
	if err := alice.Err(); !errors.Is(err, realtime.ParticipantDisconnected) {
		t.Errorf("the stage ends with %v", err)
	}
	await(s, published.Done())
	if _, err := alice.Publish(s.ctx, realtime.NewTrack(realtime.Opus)); err == nil {
		t.Error("it publishes after the end")
	}
}

func TestStage_ComesBackAfterItsConnectionWasCut(t *testing.T) {
	s := newStageServer(t)
	path := &tcppath.Path{}
	alice := s.join("alice", realtime.Config{Client: path.Client(t)})
	path.Cut()
	if e := until[realtime.ConnectionLost](s, alice, nil); e.Err == nil || e.Publication != nil || e.Subscription != nil {
		t.Errorf("the loss is %+v", e)
	}
	s.check(alice.SetMuted(s.ctx, realtime.Audio, true))
	bob := s.join("bob", realtime.Config{})
	path.Mend()
	until[realtime.ConnectionRestored](s, alice, nil)
	until(s, alice, func(e realtime.ParticipantJoined) bool { return e.Participant.ID == "bob" })
	if e := until[realtime.MuteChanged](s, bob, nil); e.Participant.ID != "alice" || !e.Participant.AudioMuted {
		t.Errorf("what was muted meanwhile is %+v", e)
	}
}

func TestStage_GivesUpAfterTheTimeToRejoin(t *testing.T) {
	s := newStageServer(t)
	path := &tcppath.Path{}
	alice := s.join("alice", realtime.Config{Client: path.Client(t), Rejoin: realtime.NoRejoin})
	path.Cut()
	await(s, alice.Done())
	if alice.Err() == nil || errors.Is(alice.Err(), realtime.ErrClosed) {
		t.Errorf("it ends with %v", alice.Err())
	}
}

func TestJoin_ReturnsARefusal(t *testing.T) {
	s := newStageServer(t)
	claims := s.claims("alice")
	claims.IssuedAt, claims.ExpiresAt = claims.IssuedAt.Add(-2*3600e9), claims.IssuedAt.Add(-3600e9)
	expired, err := s.authority.Issue(claims)
	s.check(err)
	_, err = realtime.Join(s.ctx, expired, realtime.Config{})
	p, ok := errors.AsType[*realtime.Problem](err)
	if !ok || !errors.Is(err, realtime.TokenExpired) || !p.Denied() {
		t.Errorf("an expired token gives %v", err)
	}
	if _, err := realtime.Join(s.ctx, "no token", realtime.Config{}); err == nil {
		t.Error("what is no token is accepted")
	}
}

func TestConnection_CarriesSeveralStages(t *testing.T) {
	s := newStageServer(t)
	path := &tcppath.Path{}
	connection, err := realtime.Connect(s.ctx, s.connectionToken(s.authority.Endpoints().Events), realtime.Config{Network: realtime.UDPOnly, Client: path.Client(t)})
	s.check(err)
	defer connection.Close()
	other := arn.New(arn.Stage, "111122223333", "eu-west-1")
	s.addStage(other)
	first, err := connection.Join(s.ctx, s.token("alice"))
	s.check(err)
	claims := s.claims("alice2")
	claims.StageARN, claims.StageID = other.String(), other.ID
	second, err := s.authority.Issue(claims)
	s.check(err)
	there, err := connection.Join(s.ctx, second)
	s.check(err)
	if a, b := first.Participants(), there.Participants(); len(a) != 1 || len(b) != 1 || a[0].ID != "alice" || b[0].ID != "alice2" {
		t.Errorf("the stages have %+v and %+v", a, b)
	}
	if _, err := connection.Join(s.ctx, "x"+s.token("eve")); err == nil {
		t.Error("what is no token joins")
	}

	path.Cut()
	until[realtime.ConnectionLost](s, first, nil)
	until[realtime.ConnectionLost](s, there, nil)
	path.Mend()
	until[realtime.ConnectionRestored](s, first, nil)
	until[realtime.ConnectionRestored](s, there, nil)

	bob := s.join("bob", realtime.Config{})
	video := realtime.NewTrack(realtime.H264)
	_, err = first.Publish(s.ctx, video)
	s.check(err)
	s.sendPictures(video)
	_, got := s.subscribe(bob, "alice")
	await(s, got.samples)
	s.check(there.Close())
	s.check(s.registry.Disconnect(s.ctx, s.stage.String(), "alice", ""))
	await(s, first.Done())
	if err := first.Err(); !errors.Is(err, realtime.ParticipantDisconnected) {
		t.Errorf("the first stage ends with %v", err)
	}
	if connection.Err() != nil {
		t.Errorf("the connection ended with its stage: %v", connection.Err())
	}
	s.check(connection.Close())
	if _, err := connection.Join(s.ctx, s.token("carol")); !errors.Is(err, realtime.ErrClosed) {
		t.Errorf("joining on a closed connection gives %v", err)
	}
}
