package composition

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/internal/recorder"
	"rostrum/internal/store"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// Channels are the channels that compositions send to.
type Channels interface {
	// Reserve returns an address at which a worker of a composition can send to a channel,
	// until release is called. It is a conflict when a stream or another composition has it.
	Reserve(ctx context.Context, channelARN, compositionARN string) (address string, release func(), err error)
}

// streamExists is why a channel refuses a stream after it was reserved.
var streamExists = event.Failure{Code: ivsrealtime.Conflict, Reason: "Stream already exists"}

// openDestinations opens those that have not ended.
func (c *composition) openDestinations() error {
	err := c.registry.Store.Read(c.registry.ctx, func(tx *store.Tx) error {
		c.destinations = nil
		for i := range c.doc.Destinations {
			stored := &c.doc.Destinations[i]
			if isLast(stored.State) {
				continue
			}
			open := c.openRecording
			if stored.Configuration.Channel != nil {
				open = c.openChannel
			}
			d, err := open(tx, stored)
			if err != nil {
				return fmt.Errorf("destination %s: %w", stored.ID, err)
			}
			c.destinations = append(c.destinations, d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range c.destinations {
		if d.recorder != nil {
			c.recording.Go(func() { d.recorder.Run(c.recordCtx) })
			continue
		}
		c.reserveChannel(d)
	}
	return nil
}

func (c *composition) openRecording(tx *store.Tx, stored *ivsrealtime.Destination) (*destination, error) {
	s3 := stored.Configuration.S3
	storage, err := tx.Storages().Get(s3.StorageConfigurationARN)
	if err != nil {
		return nil, err
	}
	encoder, err := tx.Encoders().Get(s3.EncoderConfigurationARNs[0])
	if err != nil {
		return nil, err
	}
	name, err := arn.Parse(storage.ARN)
	if err != nil {
		return nil, err
	}
	bucket, err := c.registry.Buckets(name.Region, storage.S3.BucketName)
	if err != nil {
		return nil, err
	}
	spool, err := recorder.OpenSpool(c.registry.Spool, stored.ID, c.registry.Node.ID(), c.formerNode)
	if err != nil {
		return nil, err
	}
	d := &destination{id: stored.ID, encoder: encoder.ARN, video: encoder.Video, spool: spool, began: stored.StartTime}
	meta := recorder.Metadata{
		StageARN: c.doc.StageARN, Rendition: recorder.RenditionName(*encoder.Video.Height, *encoder.Video.Framerate, d.id),
		Width: *encoder.Video.Width, Height: *encoder.Video.Height,
	}
	hls := &worker.HLS{
		Directory: string(spool), Rendition: meta.Rendition,
		SegmentSeconds: *s3.RecordingConfiguration.HLSConfiguration.TargetSegmentDurationSeconds,
	}
	for _, t := range s3.ThumbnailConfigurations {
		meta.Sequential = slices.Contains(t.Storage, ivsrealtime.ThumbnailSequential)
		meta.Latest = slices.Contains(t.Storage, ivsrealtime.ThumbnailLatest)
		hls.Thumbnails = &worker.Thumbnails{IntervalSeconds: *t.TargetIntervalSeconds, Sequential: meta.Sequential, Latest: meta.Latest}
	}
	d.job = worker.Destination{ID: d.id, HLS: hls}
	d.recorder = recorder.New(recorder.Config{
		Spool: spool, Bucket: bucket, Prefix: stored.Detail.S3.RecordingPrefix, Metadata: meta, Started: stored.StartTime,
		RetryFor: c.registry.cfg.UploadRetry, MaxBytes: c.registry.cfg.MaxSpoolBytes, Log: c.log.With("destination", d.id),
		Notify: func(u recorder.Update) {
			select {
			case c.updates <- func() { c.handleUpload(d, u) }:
			case <-c.recordCtx.Done():
			}
		},
	})
	return d, nil
}

func (c *composition) openChannel(tx *store.Tx, stored *ivsrealtime.Destination) (*destination, error) {
	configuration := stored.Configuration.Channel
	d := &destination{
		id: stored.ID, encoder: configuration.EncoderConfigurationARN, video: defaultVideo(),
		channel: configuration.ChannelARN, release: func() {}, began: stored.StartTime, uploaded: true,
	}
	if d.encoder != "" {
		encoder, err := tx.Encoders().Get(d.encoder)
		if err != nil {
			return nil, err
		}
		d.video = encoder.Video
	}
	return d, nil
}

// defaultVideo is the format of a channel destination without an encoder configuration
// (API ChannelDestinationConfiguration).
func defaultVideo() *ivsrealtime.Video {
	return &ivsrealtime.Video{Width: new(1280), Height: new(720), Framerate: new(30.0), Bitrate: new(2_500_000)}
}

// reserveChannel reserves a destination's channel. If that is refused the destination has
// failed.
func (c *composition) reserveChannel(d *destination) {
	address, release, err := c.registry.Channels.Reserve(c.registry.ctx, d.channel, c.arn)
	if err == nil {
		d.release, d.job = release, worker.Destination{ID: d.id, RTMP: &worker.RTMP{URL: address}}
		return
	}
	why := internalError
	var e *ivsrealtime.Error
	if errors.As(err, &e) {
		why = event.Failure{Code: e.Code, Reason: e.Message}
	}
	c.log.Warn("reserve the channel", "destination", d.id, "error", err)
	d.failure, d.ended = &why, true
	c.storeDestinationFailed(d.id, why)
}

// handleUpload handles an update of a recorder.
func (c *composition) handleUpload(d *destination, u recorder.Update) {
	switch u {
	case recorder.Current:
		d.uploaded = true
		c.updateState(d)
	case recorder.Interrupted:
		d.uploaded = false
		c.updateState(d)
	case recorder.Complete:
		c.endDestination(d)
		c.endIfComplete()
	case recorder.Failed:
		d.failure = d.recorder.Failure()
		c.endDestination(d)
		c.endIfComplete()
	}
}

// updateState stores whether a destination is up, if that changed.
func (c *composition) updateState(d *destination) {
	if d.ended || d.failure != nil || c.ending != nil {
		return
	}
	switch state := findDestination(&c.doc, d.id).State; {
	case d.isUp() && state != ivsrealtime.DestinationActive:
		c.storeDestinationUp(d.id, d.began)
	case !d.isUp() && state == ivsrealtime.DestinationActive:
		c.storeDestinationDown(d.id)
	}
}

// finishDestinations finishes all of them and ends the composition once they have ended.
func (c *composition) finishDestinations() {
	for _, d := range c.destinations {
		c.finishDestination(d)
	}
	c.endIfComplete()
}

// finishDestination ends a destination to which no worker writes any more: a recording
// once it is uploaded, a channel at once.
func (c *composition) finishDestination(d *destination) {
	switch {
	case d.ended:
	case d.recorder != nil:
		d.recorder.Finish(d.failure)
	default:
		d.release()
		c.endDestination(d)
	}
}

// endDestination stores the end of a destination.
func (c *composition) endDestination(d *destination) {
	d.ended = true
	if d.failure != nil {
		c.storeDestinationFailed(d.id, *d.failure)
		return
	}
	c.storeDestinationStopped(d.id)
}
