package stage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// anOffer is an offer like a browser's.
func anOffer(t *testing.T, direction webrtc.RTPTransceiverDirection) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: direction}); err != nil {
			t.Fatal(err)
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return offer.SDP
}

// TestSession_EndReleasesSlotsOfRequests ends a session between the arrival of an
// offer and its answer; of two such participants one was disconnected meanwhile.
func TestSession_EndReleasesSlotsOfRequests(t *testing.T) {
	r, _ := live(t, Config{})
	name := arn.New(arn.Stage, "111122223333", "eu-west-1")
	grant := func(id string) authority.Grant {
		return authority.Grant{Account: name.Account, Region: name.Region, Claims: token.Claims{
			StageARN: name.String(), StageID: name.ID, ParticipantID: id, Publish: true, Subscribe: true, IssuedAt: time.Now(),
		}}
	}
	err := r.withSession(grant("ann"), func(s *Session) error {
		err := s.call(func() error {
			for _, id := range []string{"ann", "bob"} {
				if err := s.beginPublish(&Connection{session: s}, grant(id)); err != nil {
					return err
				}
				if err := s.acquireSubscribeSlot(s.participants[id]); err != nil {
					return err
				}
			}
			s.disconnect(s.participants["bob"], goingAway)
			s.end(goingAway)
			return nil
		})
		<-s.done
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.quotas.mu.Lock()
	defer r.quotas.mu.Unlock()
	if len(r.quotas.usage) != 0 {
		t.Errorf("slots in use are %+v", r.quotas.usage)
	}
}

// TestRegistry_ReleasesAllSlots has participants do at random what they can, all at
// once, and checks afterwards that no slot, connection or participant is left.
func TestRegistry_ReleasesAllSlots(t *testing.T) {
	r, s := live(t, Config{
		Grace: 20 * time.Millisecond, Linger: 100 * time.Millisecond,
		Limits: Limits{StagePublishers: 5, Publishers: 7, StageSubscribers: 6, Subscriptions: 12},
	})
	stages := []arn.ARN{arn.New(arn.Stage, "111122223333", "eu-west-1"), arn.New(arn.Stage, "111122223333", "eu-west-1")}
	for _, name := range stages {
		if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: name.String()}) }); err != nil {
			t.Fatal(err)
		}
	}
	sends, receives := anOffer(t, webrtc.RTPTransceiverDirectionSendonly), anOffer(t, webrtc.RTPTransceiverDirectionRecvonly)
	acceptable := func(err error) {
		var refusal *authority.Refusal
		if err != nil && (!errors.As(err, &refusal) || refusal.Kind == authority.Internal || refusal.Kind == authority.Malformed) {
			t.Error(err)
		}
	}
	act := func(g authority.Grant) {
		switch rand.IntN(6) {
		case 0:
			a, err := r.OpenSocket(g, SocketConfig{Deliver: func(Message) {}})
			acceptable(err)
			if err == nil && rand.IntN(2) == 0 {
				a.Close()
			} else if err == nil {
				a.Lose(0)
			}
		case 1, 2:
			c, _, err := r.Publish(g, sends, Client{})
			acceptable(err)
			if err == nil && rand.IntN(3) > 0 {
				acceptable(c.Close())
			}
		case 3, 4:
			c, _, err := r.Subscribe(g, PublisherRef{ID: fmt.Sprint("p", rand.IntN(8))}, receives, Client{})
			acceptable(err)
			if err == nil && rand.IntN(3) > 0 {
				acceptable(c.Close())
			}
		case 5:
			_, _, err := r.Publish(g, "no offer", Client{})
			if err == nil {
				t.Error("no offer is accepted")
			}
			s := r.findSession(g.StageARN) // disconnected, but not denied
			if s != nil && rand.IntN(10) == 0 {
				s.post(func() {
					if p := s.participants[g.ParticipantID]; p != nil {
						s.disconnect(p, goingAway)
					}
				})
			}
		}
	}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 60 {
				name := stages[rand.IntN(2)]
				act(authority.Grant{Account: name.Account, Region: name.Region, Claims: token.Claims{
					StageARN: name.String(), StageID: name.ID, ParticipantID: fmt.Sprint("p", i%8), Publish: true, Subscribe: true, IssuedAt: time.Now(),
				}})
			}
		})
	}
	all.Wait()
	deadline := time.Now().Add(30 * time.Second)
	for left := ""; ; {
		r.quotas.mu.Lock()
		r.mu.Lock()
		left = fmt.Sprint(len(r.sessions), len(r.connections), r.sockets, len(r.quotas.usage))
		r.mu.Unlock()
		r.quotas.mu.Unlock()
		if left == "0 0 0 0" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("left are sessions, connections, sockets, worlds: %s", left)
		}
		time.Sleep(5 * time.Millisecond)
	}
	err := s.Read(t.Context(), func(tx *store.Tx) error {
		connected, err := tx.ConnectedParticipants(r.nodeID)
		if len(connected) != 0 {
			t.Errorf("%d participants stay connected", len(connected))
		}
		open, err2 := tx.OpenSessions(r.nodeID)
		if len(open) != 0 {
			t.Errorf("%d sessions stay open", len(open))
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
}
