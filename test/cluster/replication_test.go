package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
	"rostrum/test/call"
)

// neverAgain is the distance of keyframes that come only where one is asked for.
const neverAgain = time.Hour

// A replicated participant publishes at one node, and is replicated to a stage of another.
type replicated struct {
	*cluster
	source, destination string // stages
	token, id           string // of the publisher
	publisher, viewer   *realtime.Stage
}

// replicate has somebody publish at a node, and a viewer at another see the replica. The node asked
// has neither stage, if there are three.
func (c *cluster) replicate(asked, from, to, window int) *replicated {
	c.Helper()
	r := &replicated{cluster: c, source: c.createStage(asked), destination: c.createStage(asked)}
	r.token = c.createToken(from, r.source)
	r.publisher, r.viewer = c.joinWith(r.token), c.join(to, r.destination)
	call.Publish(c.ctx, c, r.publisher, neverAgain)
	r.id = r.publisher.Token().ParticipantID
	r.start(asked, window)
	return r
}

// start starts the replication once the source publishes.
func (r *replicated) start(asked, window int) {
	r.Helper()
	r.eventually(func() error {
		_, err := r.clients[asked].StartParticipantReplication(r.ctx, &ivsrealtime.StartParticipantReplicationInput{
			SourceStageARN: r.source, DestinationStageARN: r.destination, ParticipantID: r.id, ReconnectWindowSeconds: &window, Attributes: map[string]string{"of": "another stage"},
		})
		if !errors.Is(err, ivsrealtime.ResourceNotFound) { // it does not publish yet
			r.check(err)
		}
		return err
	})
}

func (r *replicated) stop(asked int) {
	r.Helper()
	_, err := r.clients[asked].StopParticipantReplication(r.ctx, &ivsrealtime.StopParticipantReplicationInput{
		SourceStageARN: r.source, DestinationStageARN: r.destination, ParticipantID: r.id,
	})
	r.check(err)
}

// awaitState waits until a node lists the replication with a state.
func (r *replicated) awaitState(asked int, state ivsrealtime.ReplicationState) {
	r.Helper()
	r.eventually(func() error {
		out, err := r.clients[asked].ListParticipantReplicas(r.ctx, &ivsrealtime.ListParticipantReplicasInput{SourceStageARN: r.source, ParticipantID: r.id})
		r.check(err)
		if len(out.Replicas) != 1 || out.Replicas[0].ReplicationState != state {
			return fmt.Errorf("the replicas are %+v, want one that is %s", out.Replicas, state)
		}
		return nil
	})
}

// seen waits until the viewer has a keyframe of the replica, and ends the subscription.
func (r *replicated) seen(viewer *realtime.Stage) realtime.Received {
	r.Helper()
	subscription, keyframes := call.Subscribe(r.ctx, r, viewer)
	picture := await(r.cluster, keyframes, "keyframe of the replica")
	r.check(subscription.Close())
	return picture
}

// awaitMark waits until a picture of the replica has the mark with which the publisher drew it.
func (r *replicated) awaitMark() {
	r.Helper()
	marks := make(chan testpattern.Mark, 1)
	subscription, err := r.viewer.Subscribe(r.ctx, r.id, realtime.SubscribeConfig{OnSample: func(_ *realtime.RemoteTrack, s realtime.Received) {
		for _, unit := range call.Units(s.Data) {
			if mark, ok := testpattern.Find(unit); ok {
				select {
				case marks <- mark:
				default:
				}
			}
		}
	}})
	r.check(err)
	if mark := await(r.cluster, marks, "picture of the publisher"); time.Since(mark.Sent).Abs() > maxWait {
		r.Errorf("the picture is of %v", mark.Sent)
	}
	r.check(subscription.Close())
}

// awaitLeft waits until the viewer is told that the replica left.
func (r *replicated) awaitLeft(viewer *realtime.Stage) {
	r.Helper()
	call.AwaitEvent(r.ctx, r, viewer, func(e realtime.ParticipantLeft) bool { return e.Participant.ID == r.id })
}

// A replica whose source is at another node is as one of the same node: seen, with a keyframe when
// somebody needs one, muted with the source, listed, and ended by everything that ends it.
func testReplication(c *cluster) {
	r := c.replicate(0, 1, 2, 0)
	first := r.seen(r.viewer)
	r.awaitMark()
	r.awaitState(1, ivsrealtime.ReplicationActive)
	for _, p := range r.viewer.Participants() {
		if p.ID == r.id && (!p.Replica || p.Attributes["of"] != "another stage") {
			c.Errorf("the replica is %+v", p)
		}
	}

	// The publisher sent one keyframe, which is old by now: the second viewer needs a new one.
	old := time.After(3 * time.Second)
	await(c, old, "end of the age up to which a keyframe is sent to who comes later")
	other := c.join(2, r.destination)
	if second := r.seen(other); bytes.Equal(second.Data, first.Data) {
		c.Error("the second viewer got the keyframe of the first")
	}

	c.check(r.publisher.SetMuted(c.ctx, realtime.Audio, true))
	call.AwaitEvent(c.ctx, c, r.viewer, func(e realtime.MuteChanged) bool { return e.Participant.ID == r.id && e.Participant.AudioMuted })

	r.stop(0) // the source's home ends it
	r.awaitLeft(r.viewer)
	r.awaitState(2, ivsrealtime.ReplicationStopped)

	r.start(2, 0)
	r.seen(r.viewer)
	_, err := c.clients[0].DisconnectParticipant(c.ctx, &ivsrealtime.DisconnectParticipantInput{StageARN: r.destination, ParticipantID: r.id})
	c.check(err) // the destination's home ends it
	r.awaitLeft(r.viewer)
	r.awaitState(0, ivsrealtime.ReplicationStopped)
	testReconnectWindow(c)
}

// A replica stays while its source may come back, and goes on then.
func testReconnectWindow(c *cluster) {
	r := c.replicate(2, 1, 0, int(maxWait/time.Second))
	r.seen(r.viewer)
	c.check(r.publisher.Close())
	stops := func(e realtime.PublishChanged) bool { return e.Participant.ID == r.id && !e.Participant.Publishing }
	call.AwaitEvent(c.ctx, c, r.viewer, stops)
	r.awaitState(0, ivsrealtime.ReplicationActive)
	back := c.joinWith(r.token)
	call.Publish(c.ctx, c, back, neverAgain)
	r.seen(r.viewer)
	_, err := c.clients[0].DeleteStage(c.ctx, &ivsrealtime.DeleteStageInput{ARN: r.source})
	c.check(err)
	r.awaitLeft(r.viewer)
	r.awaitState(2, ivsrealtime.ReplicationStopped)
}

// A replica whose source's node was killed leaves.
func testReplicationOfKilledNode(c *cluster, alive, killed int) {
	r := c.replicate(alive, killed, alive, 0)
	r.seen(r.viewer)
	c.nodes[killed].Kill()
	at := time.Now()
	call.AwaitEvent(c.ctx, c, r.viewer, func(e realtime.PublishChanged) bool { return e.Participant.ID == r.id && !e.Participant.Publishing })
	stopped := time.Since(at)
	r.awaitLeft(r.viewer)
	c.Logf("the viewer was told after %v that the replica stopped, after %v that it left", stopped.Round(10*time.Millisecond), time.Since(at).Round(10*time.Millisecond))
	r.awaitState(alive, ivsrealtime.ReplicationStopped)
}
