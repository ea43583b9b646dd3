package stage

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// TestConnection_ReplacedIsToldSoWhateverItAsks: the request of a replaced connection's client
// may be under way while the newer one takes over.
func TestConnection_ReplacedIsToldSoWhateverItAsks(t *testing.T) {
	requests := map[string]func(*Connection) error{
		"end":   (*Connection).Close,
		"patch": func(c *Connection) error { _, err := c.Patch("a=end-of-candidates\r\n", ""); return err },
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			r, s := live(t, Config{})
			stage := arn.New(arn.Stage, "111122223333", "eu-west-1")
			if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: stage.String()}) }); err != nil {
				t.Fatal(err)
			}
			g := authority.Grant{Account: stage.Account, Region: stage.Region, Claims: token.Claims{
				StageARN: stage.String(), StageID: stage.ID, ParticipantID: "ann", Publish: true, IssuedAt: time.Now(),
			}}
			offer := anOffer(t, webrtc.RTPTransceiverDirectionSendonly)
			older, _, err := r.Publish(g, offer, Client{})
			if err != nil {
				t.Fatal(err)
			}
			newer, _, err := r.Publish(g, offer, Client{})
			if err != nil {
				t.Fatal(err)
			}
			for c, want := range map[*Connection]authority.Code{older: authority.TokenReused, newer: authority.ResourceGone} {
				if c == newer {
					if err := c.Close(); err != nil {
						t.Fatal(err)
					}
				}
				refusal, ok := errors.AsType[*authority.Refusal](request(c))
				if !ok || refusal.Code != want {
					t.Errorf("%v, want a refusal with %s", refusal, want)
				}
			}
		})
	}
}
