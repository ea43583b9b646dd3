package signaling_test

import (
	"testing"

	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

func TestEvents_TellNewSocketsWhoSpeaks(t *testing.T) {
	c := newFixture(t, stage.Config{})
	first := c.listen(c.token("first", viewer), "")
	c.publish(c.token("speaker"), false)
	if got := untilMessage[wire.ActiveSpeaker](first); got.ParticipantID != "speaker" {
		t.Fatalf("expected that speaker speaks, got %q", got.ParticipantID)
	}
	late := c.listen(c.token("late", viewer), "")
	if got := untilMessage[wire.ActiveSpeaker](late); got.ParticipantID != "speaker" {
		t.Errorf("expected that speaker speaks, got %q", got.ParticipantID)
	}
}
