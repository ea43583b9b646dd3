//go:build cgo

package compose

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// A performer is a running rostrum publish.
type performer struct {
	id     string
	joined time.Time // it began to connect
	cmd    *exec.Cmd
	ended  chan struct{}
}

// perform publishes with a token, and waits until the media flow.
func (s *stage) perform(raw string, args ...string) *performer {
	s.t.Helper()
	p := &performer{ended: make(chan struct{})}
	p.cmd = exec.Command(s.binary, append([]string{"publish", "--json", "--token", raw}, args...)...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	var complaints strings.Builder
	p.cmd.Stderr = &complaints
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.ended })
	type publication struct {
		id string
		at time.Time
	}
	published := make(chan publication, 1)
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var says struct {
				Event         string
				ParticipantID string
				ElapsedMS     float64
			}
			if json.Unmarshal(lines.Bytes(), &says) == nil && says.Event == "published" {
				at := time.Now().Add(-time.Duration(says.ElapsedMS * float64(time.Millisecond)))
				select {
				case published <- publication{says.ParticipantID, at}:
				default: // a reconnection
				}
			}
		}
		_ = p.cmd.Wait() // stopped, or killed
	}()
	select {
	case first := <-published:
		p.id, p.joined = first.id, first.at
	case <-p.ended:
		s.t.Fatalf("publish %v ended at once: %s", args, complaints.String())
	case <-time.After(20 * time.Second):
		s.t.Fatalf("publish %v was not connected after 20 s", args)
	}
	return p
}

// leave says goodbye and goes.
func (p *performer) leave() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	<-p.ended
}

// vanish goes without a goodbye.
func (p *performer) vanish() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// tokenOf is the token of a performer who left.
func (s *stage) tokenOf(p *performer) string {
	i := slices.Index(p.cmd.Args, "--token")
	return p.cmd.Args[i+1]
}

// A visitor has a token of their own making, which can be exchanged, and speaks on the
// events socket.
type visitor struct {
	*performer
	stage  *realtime.Stage
	signer *ivsrealtime.TokenSigner
	claims ivsrealtime.TokenClaims
}

// invite has visitors publish, each with attributes.
func (s *stage) invite(attributes ...map[string]string) (all []*visitor) {
	s.t.Helper()
	signer := s.signer()
	for _, a := range attributes {
		all = append(all, s.receive(signer, a))
	}
	return all
}

// signer has a key of its own imported.
func (s *stage) signer() *ivsrealtime.TokenSigner {
	t := s.t
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	material, err := ivsrealtime.PublicKeyMaterial(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	imported, err := s.client.ImportPublicKey(t.Context(), &ivsrealtime.ImportPublicKeyInput{PublicKeyMaterial: material})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ivsrealtime.NewTokenSigner(imported.PublicKey.ARN, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// receive has one visitor publish.
func (s *stage) receive(signer *ivsrealtime.TokenSigner, attributes map[string]string) *visitor {
	t := s.t
	t.Helper()
	got, err := s.client.GetStage(t.Context(), &ivsrealtime.GetStageInput{ARN: s.stageARN})
	if err != nil {
		t.Fatal(err)
	}
	g := &visitor{signer: signer, claims: got.Stage.Claims()}
	g.claims.ParticipantID, g.claims.UserID, g.claims.Attributes = arn.NewID(), "visitor", attributes
	raw, err := signer.Sign(g.claims)
	if err != nil {
		t.Fatal(err)
	}
	if g.stage, err = realtime.Join(t.Context(), raw, realtime.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.stage.Close() }) // the server may have gone
	g.performer = s.perform(raw, "--size", "640x360")
	return g
}

func (g *visitor) stopVideo(t *testing.T, stopped bool) {
	t.Helper()
	if err := g.stage.SetMuted(t.Context(), realtime.Video, stopped); err != nil {
		t.Fatal(err)
	}
}

// exchange changes the visitor's attributes, without leaving the stage.
func (g *visitor) exchange(t *testing.T, attributes map[string]string) {
	t.Helper()
	g.claims.Attributes = attributes
	raw, err := g.signer.Sign(g.claims)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.stage.ExchangeToken(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
}
