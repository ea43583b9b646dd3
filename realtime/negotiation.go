package realtime

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

// negotiation is the state of the offer and its answer.
type negotiation struct {
	resource *resource
	offered  time.Time     // when the offer was sent
	exchange time.Duration // until the answer came
	answer   string
	deferred []webrtc.ICECandidateInit // candidates of the answer that Pion does not have yet
	relayed  bool                      // TURN was tried before media could flow
}

// sendOffer sends the offer, with all candidates, and keeps the answer.
func (c *mediaConnection) sendOffer(ctx context.Context) error {
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("create offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("create offer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.offered = time.Now()
	answer, res, err := c.endpoint.post(ctx, c.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	c.resource, c.answer, c.exchange = res, answer, time.Since(c.offered)
	return nil
}

// applyAnswer applies the answer, but for the candidates that are deferred.
func (c *mediaConnection) applyAnswer() error {
	var answer string
	answer, c.deferred = deferCandidates(c.answer)
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("apply answer: %w", err)
	}
	return nil
}

// deferCandidates removes candidates from an answer, to be added a little later: those of
// TCP or, if there are none, all but the first. Pion selects a pair 200 ms after the first
// checks, or at once when another candidate comes; with an ICE lite server (RFC 8445 §2.5)
// these 200 ms are most of the time to the first picture.
func deferCandidates(answer string) (kept string, deferred []webrtc.ICECandidateInit) {
	var lines []string
	seen := map[string]bool{}
	tcp := strings.Contains(strings.ToLower(answer), " tcp ") && strings.Contains(strings.ToLower(answer), " udp ")
	first := ""
	for line := range strings.Lines(answer) {
		candidate, found := strings.CutPrefix(strings.TrimSpace(line), "a=")
		f := strings.Fields(candidate)
		if !found || len(f) < 6 || !strings.HasPrefix(candidate, "candidate:") {
			lines = append(lines, line)
			continue
		}
		if first == "" {
			first = candidate
		}
		if tcp && !strings.EqualFold(f[2], "tcp") || !tcp && candidate == first {
			lines = append(lines, line)
		} else if !seen[candidate] {
			seen[candidate] = true
			deferred = append(deferred, webrtc.ICECandidateInit{Candidate: candidate, SDPMLineIndex: new(uint16)})
		}
	}
	return strings.Join(lines, ""), deferred
}
