package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

// An attempt to find another path may take restartFirst, each further one half as long again,
// up to restartMost. The first are short: a request that was sent into a dead network is
// repeated by TCP at ever longer intervals, a new one is there as soon as the network is.
const (
	restartFirst = 2 * time.Second
	restartMost  = 8 * time.Second
)

// RestartICE looks for a new path, as after a change of network, by a PATCH of the
// session (RFC 9725 §4.3.3), and among the server's TURN servers, too. What is sent
// and received goes on. A server that
// doesn't know this answers with a *Problem, and the old path stays in use for as
// long as it works. Pion can make no second offer where the first answer rejected
// a medium; that is an error, too.
func (c *connection) RestartICE(ctx context.Context) error {
	c.restarting.Lock()
	defer c.restarting.Unlock()
	if err := c.pc.SetConfiguration(webrtc.Configuration{ICEServers: c.relays(ctx)}); err != nil {
		return fmt.Errorf("restart ICE: %w", err)
	}
	// An offer that got no answer is repeated: Pion can't take it back.
	if c.pc.SignalingState() != webrtc.SignalingStateHaveLocalOffer {
		if err := c.reoffer(ctx); err != nil {
			return fmt.Errorf("restart ICE: %w", err)
		}
	}
	theirs, err := c.resource.patch(ctx, fragmentOf(c.pc.LocalDescription().SDP), "*")
	if err != nil {
		return fmt.Errorf("restart ICE: %w", err)
	}
	answer, err := withICE(c.answer, theirs)
	if err != nil {
		return fmt.Errorf("restart ICE: %w", err)
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("restart ICE: %w", err)
	}
	c.answer = answer
	return nil
}

// reoffer makes an offer with new credentials, and waits for its candidates.
func (c *connection) reoffer(ctx context.Context) error {
	offer, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-time.After(gatherTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// repair restarts ICE after the path fell silent, again and again until that works: without
// the server's new credentials nothing goes on. A server that doesn't know the session any
// longer was restarted meanwhile, which ends the connection.
func (c *connection) repair() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-c.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	backoff := Backoff{}
	for patience := restartFirst; ; patience = min(patience*3/2, restartMost) {
		attempt, done := context.WithTimeout(ctx, patience)
		err := c.RestartICE(attempt)
		done()
		var refused *Problem
		if errors.As(err, &refused) && refused.Status/100 == 4 {
			if refused.Status == http.StatusNotFound {
				c.end(errSilent)
			}
			break // told by the state that follows
		}
		if err == nil || !backoff.Wait(ctx) {
			break
		}
	}
	cancel()
	<-over
}

// fragmentOf takes from an offer what a trickle-ice-sdpfrag has (RFC 8840 §9): the
// first media section's credentials and candidates, which speak for the bundle.
func fragmentOf(sdp string) string {
	var b strings.Builder
	sections := 0
	for line := range strings.Lines(sdp) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "m=") {
			sections++
		}
		keep := false
		for _, prefix := range []string{"a=group:BUNDLE", "a=ice-options:"} {
			keep = keep || sections == 0 && strings.HasPrefix(line, prefix)
		}
		for _, prefix := range []string{"m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"} {
			keep = keep || sections == 1 && strings.HasPrefix(line, prefix)
		}
		if keep {
			b.WriteString(line + "\r\n")
		}
	}
	return b.String()
}

// withICE puts the credentials and candidates of a fragment in the place of those
// of an answer.
func withICE(answer, fragment string) (string, error) {
	var ufrag, pwd string
	var candidates []string
	for line := range strings.Lines(fragment) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			ufrag = line
		case strings.HasPrefix(line, "a=ice-pwd:"):
			pwd = line
		case strings.HasPrefix(line, "a=candidate:"):
			candidates = append(candidates, line)
		}
	}
	if ufrag == "" || pwd == "" {
		return "", errors.New("the server's fragment has no ice-ufrag or no ice-pwd")
	}
	var b strings.Builder
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			line = ufrag
		case strings.HasPrefix(line, "a=ice-pwd:"):
			line = strings.Join(append([]string{pwd}, candidates...), "\r\n")
		case strings.HasPrefix(line, "a=candidate:"):
			continue
		}
		b.WriteString(line + "\r\n")
	}
	return b.String(), nil
}
