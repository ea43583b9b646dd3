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

// fakeChannels can all be reserved; reserved counts those that were not released.
type fakeChannels struct{ reserved atomic.Int32 }

func (c *fakeChannels) Reserve(context.Context, string, string) (string, func(), error) {
	c.reserved.Add(1)
	var once atomic.Bool
	return "rtmp://127.0.0.1/app/key", func() {
		if once.CompareAndSwap(false, true) {
			c.reserved.Add(-1)
		}
	}, nil
}

func TestComposition_FailsWithAnUnreachableChannel(t *testing.T) {
	for what, c := range map[string]struct {
		worker   string
		recorded bool
		state    ivsrealtime.CompositionState // after the channel failed
		expected []string
	}{
		"alone": {"loses its channel", false, ivsrealtime.CompositionFailed,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Session Failure DestinationFailure"}},
		"with a worker that crashes": {"loses its channel and crashes", false, ivsrealtime.CompositionFailed,
			[]string{"Session Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Session Failure DestinationFailure"}},
		"beside a recording, which continues": {"loses its channel", true, ivsrealtime.CompositionActive,
			[]string{"Session Start", "Destination Start", "Destination Start", "Destination Reconnecting", "Destination Failure InternalServerException", "Destination End", "Session End"}},
	} {
		t.Run(what, func(t *testing.T) {
			var channels fakeChannels
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
			if n := channels.reserved.Load(); n != 0 {
				t.Errorf("%d channels were not released", n)
			}
			if _, running := h.workers(); running != 0 {
				t.Errorf("%d workers are left", running)
			}
		})
	}
}
