package composition

import (
	"context"
	"errors"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// Channels are the channels that compositions go to.
type Channels interface {
	// Reserve makes an address at which a worker can send to a channel, until
	// release is called; a conflict when somebody else sends to it.
	Reserve(ctx context.Context, channelARN string) (address string, release func(), err error)
}

// openPush makes the output of a destination that is a channel. One that can't be
// had is an output that has failed already.
func (c *composition) openPush(tx *store.Tx, d *ivsrealtime.Destination) (*output, error) {
	to := d.Configuration.Channel
	o := &output{id: d.ID, encoder: to.EncoderConfigurationARN, video: defaultVideo(), began: d.StartTime, through: true, release: func() {}}
	if o.encoder != "" {
		encoder, err := tx.Encoders().Get(o.encoder)
		if err != nil {
			return nil, err
		}
		o.video = encoder.Video
	}
	o.channel = to.ChannelARN
	return o, nil
}

// defaultVideo is the format of a channel destination that names none (API
// ChannelDestinationConfiguration).
func defaultVideo() *ivsrealtime.Video {
	return &ivsrealtime.Video{Width: new(1280), Height: new(720), Framerate: new(30.0), Bitrate: new(2_500_000)}
}

// streamExists is why a channel refuses a stream that it let in before.
var streamExists = event.Failure{Code: ivsrealtime.Conflict, Reason: "Stream already exists"}

// reserve has a push's channel to itself. One that can't be had has failed.
func (c *composition) reserve(o *output) {
	address, release, err := c.house.Channels.Reserve(c.house.ctx, o.channel)
	if err == nil {
		o.release, o.job = release, worker.Destination{ID: o.id, RTMP: &worker.RTMP{URL: address}}
		return
	}
	why := internalError
	var e *ivsrealtime.Error
	if errors.As(err, &e) {
		why = event.Failure{Code: e.Code, Reason: e.Message}
	}
	c.log.Warn("channel can't be had", "destination", o.id, "error", err)
	o.failure, o.over = &why, true
	c.destinationFailed(o.id, why)
}

// finishOutput ends an output that no worker writes to any more: a recording once all
// of it is in its bucket, a push at once.
func (c *composition) finishOutput(o *output) {
	switch {
	case o.over:
	case o.recording != nil:
		o.recording.Finish(o.failure)
	default:
		o.over = true
		o.release()
		if o.failure != nil {
			c.destinationFailed(o.id, *o.failure)
			return
		}
		c.destinationStopped(o.id)
	}
}

// nudge has a recording look for new files.
func (o *output) nudge() {
	if o.recording != nil {
		o.recording.Scan()
	}
}
