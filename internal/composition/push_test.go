package composition_test

import (
	"context"
	"sync/atomic"
	"testing"

	"rostrum/internal/arn"
	"rostrum/internal/composition"
	"rostrum/internal/ivs"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// freeChannels can all be had; taken counts those that were not given back.
type freeChannels struct{ taken atomic.Int32 }

func (c *freeChannels) Reserve(context.Context, string) (string, func(), error) {
	c.taken.Add(1)
	var once atomic.Bool
	return "rtmp://127.0.0.1/app/ticket", func() {
		if once.CompareAndSwap(false, true) {
			c.taken.Add(-1)
		}
	}, nil
}

func TestComposition_FailsWithAChannelThatStaysAway(t *testing.T) {
	for what, c := range map[string]struct {
		worker   string
		recorded bool
		state    ivsrealtime.CompositionState // after the channel failed
		expected []string
	}{
		"alone": {"loses its channel", false, ivsrealtime.CompositionFailed,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Session Failure DestinationFailure"}},
		"with a worker that dies of it": {"loses its channel and dies", false, ivsrealtime.CompositionFailed,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Session Failure DestinationFailure"}},
		"beside a recording, which goes on": {"loses its channel", true, ivsrealtime.CompositionActive,
			[]string{"Session Start", "Destination Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Destination End", "Session End"}},
	} {
		t.Run(what, func(t *testing.T) {
			var channels freeChannels
			h := open(t, c.worker, func(p *composition.Parts, _ *composition.Config) { p.Channels = &channels })
			show := name(arn.Channel)
			h.write(func(tx *store.Tx) error {
				return tx.Channels().Create(&store.Channel{Channel: ivs.Channel{ARN: show, Tags: map[string]string{}}})
			})
			to := []ivsrealtime.Destination{{
				ID: arn.NewID(), State: ivsrealtime.DestinationStarting,
				Configuration: &ivsrealtime.DestinationConfiguration{Channel: &ivsrealtime.ChannelDestinationConfiguration{
					ChannelARN: show, EncoderConfigurationARN: h.encoder,
				}},
			}}
			if c.recorded {
				to = append(to, h.recordingIn(h.storage))
			}
			name := h.compose(to...)
			h.awaitDestination(name, ivsrealtime.DestinationFailed)
			h.awaitState(name, c.state)
			if c.recorded {
				if err := h.Stop(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				h.awaitState(name, ivsrealtime.CompositionStopped)
			}
			h.expectEvents(name, c.expected...)
			if n := channels.taken.Load(); n != 0 {
				t.Errorf("%d channels were not given back", n)
			}
			if _, running := h.workers(); running != 0 {
				t.Errorf("%d workers are left", running)
			}
		})
	}
}
