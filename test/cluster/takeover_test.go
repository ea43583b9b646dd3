package cluster

import (
	"fmt"
	"slices"
	"time"

	"rostrum/ivsrealtime"
	"rostrum/realtime"
	"rostrum/test/call"
)

// testKilledHome kills the home of a session, which goes on at another node: who comes back is the
// same participant, who does not has left, and the history has each event once.
func testKilledHome(c *cluster) {
	c.Helper()
	stage := c.createStage(0)
	publisher, viewer := c.join(1, stage), c.join(2, stage)
	call.Publish(c.ctx, c, publisher, time.Second)
	c.awaitPicture(viewer)
	before := c.session(2, stage)
	c.awaitHistory(stage, before, publisher.Token().ParticipantID, ivsrealtime.ParticipantConnected, ivsrealtime.EventJoined, ivsrealtime.EventPublishStarted)
	c.awaitHistory(stage, before, viewer.Token().ParticipantID, ivsrealtime.ParticipantConnected, ivsrealtime.EventJoined, ivsrealtime.EventSubscribeStarted)
	c.nodes[1].Kill()
	killed := time.Now()
	// The viewer's node becomes the home. The publisher knows the dead node alone.
	call.AwaitEvent(c.ctx, c, viewer, func(realtime.ConnectionRestored) bool { return true })
	c.Logf("the viewer is back after %v", time.Since(killed).Round(10*time.Millisecond))
	other := c.join(0, stage)
	call.Publish(c.ctx, c, other, time.Second)
	c.awaitPicture(viewer)
	if now := c.session(0, stage); now != before {
		c.Errorf("the session is %s, expected that it goes on as %s", now, before)
	}
	c.awaitHistory(stage, before, publisher.Token().ParticipantID, ivsrealtime.ParticipantDisconnected,
		ivsrealtime.EventJoined, ivsrealtime.EventPublishStarted, ivsrealtime.EventPublishStopped, ivsrealtime.EventLeft)
	c.Logf("the publisher who does not come back has left after %v", time.Since(killed).Round(10*time.Millisecond))
	c.awaitHistory(stage, before, viewer.Token().ParticipantID, ivsrealtime.ParticipantConnected,
		ivsrealtime.EventJoined, ivsrealtime.EventSubscribeStarted, ivsrealtime.EventSubscribeStopped, ivsrealtime.EventSubscribeStarted)
	c.awaitHistory(stage, before, other.Token().ParticipantID, ivsrealtime.ParticipantConnected,
		ivsrealtime.EventJoined, ivsrealtime.EventPublishStarted)
}

// testStoppedHome stops the home of a session, which goes on at another node at once.
func testStoppedHome(c *cluster) {
	c.Helper()
	home := c.addNode()
	stage := c.createStage(0)
	away, viewer := c.join(home, stage), c.join(2, stage)
	call.Publish(c.ctx, c, away, time.Second)
	c.awaitPicture(viewer)
	before := c.session(2, stage)
	awayID, viewerID := away.Token().ParticipantID, viewer.Token().ParticipantID
	c.awaitHistory(stage, before, awayID, ivsrealtime.ParticipantConnected, ivsrealtime.EventJoined, ivsrealtime.EventPublishStarted)
	c.awaitHistory(stage, before, viewerID, ivsrealtime.ParticipantConnected, ivsrealtime.EventJoined, ivsrealtime.EventSubscribeStarted)
	began := time.Now()
	c.check(c.nodes[home].Stop())
	c.Logf("the home stopped within %v", time.Since(began).Round(10*time.Millisecond))
	call.AwaitEvent(c.ctx, c, viewer, func(realtime.ConnectionRestored) bool { return true })
	other := c.join(0, stage)
	call.Publish(c.ctx, c, other, time.Second)
	c.awaitPicture(viewer)
	if now := c.session(0, stage); now != before {
		c.Errorf("the session is %s, expected that it goes on as %s", now, before)
	}
	c.awaitHistory(stage, before, viewerID, ivsrealtime.ParticipantConnected,
		ivsrealtime.EventJoined, ivsrealtime.EventSubscribeStarted, ivsrealtime.EventSubscribeStopped, ivsrealtime.EventSubscribeStarted)
	c.awaitHistory(stage, before, awayID, ivsrealtime.ParticipantDisconnected, // it knows the stopped node alone
		ivsrealtime.EventJoined, ivsrealtime.EventPublishStarted, ivsrealtime.EventPublishStopped, ivsrealtime.EventLeft)
}

// session is the one session that a stage ever had, which is live, as a node tells.
func (c *cluster) session(node int, stageARN string) string {
	c.Helper()
	all, err := c.clients[node].ListStageSessions(c.ctx, &ivsrealtime.ListStageSessionsInput{StageARN: stageARN})
	c.check(err)
	if len(all.StageSessions) != 1 || !all.StageSessions[0].EndTime.IsZero() {
		c.Fatalf("the sessions are %+v, expected one that is live", all.StageSessions)
	}
	return all.StageSessions[0].SessionID
}

// awaitHistory waits until a participant is in a state and has a history, but for attempts that
// failed, and holds that to the order of its times.
func (c *cluster) awaitHistory(stageARN, sessionID, participantID string, state ivsrealtime.ParticipantState, want ...ivsrealtime.EventName) {
	c.Helper()
	c.eventually(func() error {
		out, err := c.clients[0].ListParticipantEvents(c.ctx, &ivsrealtime.ListParticipantEventsInput{StageARN: stageARN, SessionID: sessionID, ParticipantID: participantID})
		if err != nil {
			return err
		}
		var names []ivsrealtime.EventName
		for i, e := range out.Events {
			if e.Name != ivsrealtime.EventSubscribeError { // the client still asks for who is not back
				names = append(names, e.Name)
			}
			if i > 0 && e.EventTime.Before(out.Events[i-1].EventTime) {
				return fmt.Errorf("event %d, %s, is earlier than the one before", i, e.Name)
			}
		}
		got, err := c.clients[0].GetParticipant(c.ctx, &ivsrealtime.GetParticipantInput{StageARN: stageARN, SessionID: sessionID, ParticipantID: participantID})
		if err != nil {
			return err
		}
		if got.Participant.State != state || !slices.Equal(names, want) {
			return fmt.Errorf("participant %s is %s with %v, expected %s with %v", participantID, got.Participant.State, names, state, want)
		}
		return nil
	})
}
