package realtime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

// The first ICE restart may take firstRestartTime, each following one half as long again, up
// to maxRestartTime. The first ones are short: TCP repeats a request on a dead network at
// growing intervals, while a new request arrives as soon as the network works.
const (
	firstRestartTime = 2 * time.Second
	maxRestartTime   = 8 * time.Second
)

// restartICE finds a new path, as after a change of network, with a PATCH of the session
// (RFC 9725 §4.3.3), also through the server's TURN servers. Media continue. A server that
// does not support it answers with a *Problem, and the old path stays in use. Pion makes no
// second offer where the first answer rejected a medium, which is an error too.
func (c *mediaConnection) restartICE(ctx context.Context) error {
	c.restarting.Lock()
	defer c.restarting.Unlock()
	// An offer without an answer is repeated, since Pion cannot roll it back.
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

// reoffer makes an offer with new credentials and waits for its candidates.
func (c *mediaConnection) reoffer(ctx context.Context) error {
	// While Pion gathers, as from a server that is gone, it reads the servers without a lock.
	if c.pc.ICEGatheringState() != webrtc.ICEGatheringStateGathering {
		if err := c.pc.SetConfiguration(webrtc.Configuration{ICEServers: c.relays(ctx)}); err != nil {
			return err
		}
	}
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
	case <-time.After(gatherTimeout):
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// restartUntilConnected restarts ICE after the path failed, until that succeeds: without the
// server's new credentials media cannot continue. A server that does not know the session
// was restarted meanwhile, which ends the connection.
func (c *mediaConnection) restartUntilConnected() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-c.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	retry := backoff{}
	for limit := firstRestartTime; ; limit = min(limit*3/2, maxRestartTime) {
		attempt, done := context.WithTimeout(ctx, limit)
		err := c.restartICE(attempt)
		done()
		var refused *Problem
		if errors.As(err, &refused) && refused.Status/100 == 4 {
			if refused.Status == http.StatusNotFound {
				c.end(ErrLost)
			}
			break // the state shows it
		}
		if err == nil || !retry.wait(ctx, nil) {
			break
		}
	}
	cancel()
	<-watched
}

// fragmentOf is the trickle-ice-sdpfrag of an offer (RFC 8840 §9): the credentials and
// candidates of the first media section, which are those of the bundle.
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

// withICE replaces the credentials and candidates of an answer by those of a fragment.
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
