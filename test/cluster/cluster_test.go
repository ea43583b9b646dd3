package cluster

import (
	"testing"
	"time"

	"rostrum/ivsrealtime"
	"rostrum/test/call"
)

func TestCluster_AnswersAnyRequestAtAnyNode(t *testing.T) {
	c := newCluster(t)
	t.Run("participants of all nodes meet", func(t *testing.T) {
		c := c.within(t)
		stage := c.createStage(0)
		call.Publish(c.ctx, c, c.join(1, stage), time.Second) // its home is here
		for _, node := range []int{0, 1, 2, 0, 1, 2} {
			c.awaitPicture(c.join(node, stage))
		}
	})
	t.Run("live operations reach the home", func(t *testing.T) {
		c := c.within(t)
		stage := c.createStage(0)
		first, second := c.join(1, stage), c.join(2, stage) // the home is node 1
		_, err := c.clients[2].DisconnectParticipant(c.ctx, &ivsrealtime.DisconnectParticipantInput{StageARN: stage, ParticipantID: first.Token().ParticipantID})
		c.check(err)
		await(c, first.Done(), "end of the participant that was disconnected")
		_, err = c.clients[0].DeleteStage(c.ctx, &ivsrealtime.DeleteStageInput{ARN: stage})
		c.check(err)
		await(c, second.Done(), "end of the participant on a deleted stage")
	})
	t.Run("channels are everywhere", func(t *testing.T) { testChannel(c.within(t)) })
	t.Run("replication between homes", func(t *testing.T) { testReplication(c.within(t)) })
	t.Run("the newest quality samples are those of the home", func(t *testing.T) { testQuality(c.within(t)) })
	t.Run("compositions run at any node", func(t *testing.T) { testComposition(c.within(t)) })
	t.Run("stopped home", func(t *testing.T) { testStoppedHome(c.within(t)) })
	t.Run("killed home", func(t *testing.T) { testKilledHome(c.within(t)) })
	t.Run("replication of a killed node", func(t *testing.T) { testReplicationOfKilledNode(c.within(t), 0, 2) })
}
