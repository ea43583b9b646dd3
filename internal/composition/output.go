package composition

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/internal/recorder"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// An output is a destination that has not ended yet, on this side.
type output struct {
	id        string
	encoder   string // ARN of its format
	video     *ivsrealtime.Video
	job       worker.Destination
	recording *recorder.Recorder // nil for a push
	spool     recorder.Spool     // of the recording
	channel   string             // ARN; empty for a recording
	release   func()             // of the channel

	began   time.Time      // the worker's first file
	writes  bool           // the worker of now does
	broken  bool           // though it says that it can't
	through bool           // what was written got into the bucket
	failure *event.Failure // it ends, or has ended, with
	over    bool           // that it ended is kept
}

func (o *output) up() bool {
	return o.writes && !o.broken && o.through && (o.recording == nil || !o.recording.Stalled())
}

// forget removes the spool.
func (o *output) forget(log *slog.Logger) {
	if o.recording == nil {
		return
	}
	if err := o.spool.Remove(); err != nil {
		log.Warn("remove the spool", "error", err)
	}
}

// open makes the outputs of the destinations that have not ended.
func (c *composition) open() error {
	err := c.house.Store.Read(c.house.ctx, func(tx *store.Tx) error {
		c.outputs = nil
		for i := range c.doc.Destinations {
			d := &c.doc.Destinations[i]
			if over(d.State) {
				continue
			}
			open := c.openRecording
			if d.Configuration.Channel != nil {
				open = c.openPush
			}
			o, err := open(tx, d)
			if err != nil {
				return fmt.Errorf("destination %s: %w", d.ID, err)
			}
			c.outputs = append(c.outputs, o)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range c.outputs {
		if o.recording != nil {
			c.wg.Go(func() { o.recording.Run(c.ctx) })
			continue
		}
		c.reserve(o)
	}
	return nil
}

func (c *composition) openRecording(tx *store.Tx, d *ivsrealtime.Destination) (*output, error) {
	s3 := d.Configuration.S3
	storage, err := tx.Storages().Get(s3.StorageConfigurationARN)
	if err != nil {
		return nil, err
	}
	encoder, err := tx.Encoders().Get(s3.EncoderConfigurationARNs[0])
	if err != nil {
		return nil, err
	}
	region, err := arn.Parse(storage.ARN)
	if err != nil {
		return nil, err
	}
	bucket, err := c.house.Buckets(region.Region, storage.S3.BucketName)
	if err != nil {
		return nil, err
	}
	spool, err := recorder.OpenSpool(c.house.Spool, d.ID, c.house.Node.ID(), c.former)
	if err != nil {
		return nil, err
	}
	o := &output{id: d.ID, encoder: encoder.ARN, video: encoder.Video, spool: spool, began: d.StartTime}
	meta := recorder.Metadata{
		StageARN: c.doc.StageARN, Rendition: recorder.RenditionName(*encoder.Video.Height, *encoder.Video.Framerate, d.ID),
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
	o.job = worker.Destination{ID: d.ID, HLS: hls}
	o.recording = recorder.New(recorder.Config{
		Spool: spool, Bucket: bucket, Prefix: d.Detail.S3.RecordingPrefix, Metadata: meta, Started: d.StartTime,
		RetryFor: c.house.cfg.Patience, MaxBytes: c.house.cfg.SpoolBytes, Log: c.log.With("destination", d.ID),
		Notify: func(u recorder.Update) {
			select {
			case c.news <- func() { c.recordingTells(o, u) }:
			case <-c.ctx.Done():
			}
		},
	})
	return o, nil
}

// recordingTells takes in how the way into the bucket goes.
func (c *composition) recordingTells(o *output, n recorder.Update) {
	switch n {
	case recorder.Current:
		o.through = true
		c.judge(o)
	case recorder.Interrupted:
		o.through = false
		c.judge(o)
	case recorder.Complete:
		o.over = true
		if o.failure != nil {
			c.destinationFailed(o.id, *o.failure)
		} else {
			c.destinationStopped(o.id)
		}
		c.settle()
	case recorder.Failed:
		o.over, o.failure = true, o.recording.Failure()
		c.destinationFailed(o.id, *o.failure)
		c.settle()
	}
}

// judge has a destination's state follow what is known of it.
func (c *composition) judge(o *output) {
	if o.over || o.failure != nil || c.wanted != nil {
		return
	}
	switch state := destination(&c.doc, o.id).State; {
	case o.up() && state != ivsrealtime.DestinationActive:
		c.destinationUp(o.id, o.began)
	case !o.up() && state == ivsrealtime.DestinationActive:
		c.destinationDown(o.id)
	}
}

// hear takes in what the worker says.
func (c *composition) hear(r worker.Report) {
	switch r.Kind {
	case worker.Ready:
		c.log.Info("composing", "after", c.worker.Age().Round(time.Millisecond))
	case worker.Heartbeat:
		if r.Health == nil {
			return
		}
		if r.Health.Publishers > 0 {
			c.audience = time.Now()
		}
		c.figures.hear(*r.Health)
	case worker.Ended:
		c.words = r.Reason
	case worker.File, worker.DestinationState:
		for _, o := range c.outputs {
			if o.id == r.Destination && !o.over {
				c.hearOf(o, r)
			}
		}
	}
}

// hearOf takes in what the worker says of a destination.
func (c *composition) hearOf(o *output, r worker.Report) {
	switch {
	case r.Kind == worker.File && o.recording != nil:
		o.recording.Scan()
		if o.writes {
			return
		}
		o.writes, o.through = true, false // until the first files got through
		if o.began.IsZero() {
			o.began = micro(time.Now())
			o.recording.Start(o.began)
		}
	case r.State == worker.Active:
		o.broken = false
		if o.recording == nil {
			if o.writes = true; o.began.IsZero() {
				o.began = micro(time.Now())
			}
		}
		c.judge(o)
	case r.State == worker.Reconnecting:
		c.log.Warn("destination is interrupted", "destination", o.id, "reason", r.Reason)
		o.broken = true
		c.judge(o)
	case r.State == worker.Failed:
		c.log.Error("destination failed", "destination", o.id, "reason", r.Reason)
		if o.failure = &internalError; r.Reason == worker.Refused {
			o.failure = &streamExists
		}
		c.finishOutput(o)
	}
}

// startWorker begins the composing, for the first time or again.
func (c *composition) startWorker() {
	c.again = nil
	if c.decide(); c.wanted != nil || c.stopped {
		return
	}
	if err := c.house.Able(); err != nil {
		c.log.Error("start a worker", "error", err)
		c.finish(&internalError)
		return
	}
	if !c.fetch() {
		return
	}
	j, err := c.job()
	if err == nil && len(j.Programs) == 0 {
		c.settle() // each destination has ended or is about to; the worker died before it said so
		return
	}
	var w *worker.Process
	if err == nil {
		w, err = worker.Start(worker.Config{
			Program: c.house.cfg.Program, Memory: c.house.cfg.WorkerMemory, HeartbeatLimit: c.house.cfg.HeartbeatLimit, Log: c.log,
		}, j)
	}
	if err != nil {
		c.log.Error("start a worker", "error", err)
		c.retryLater()
		return
	}
	c.worker, c.words = w, ""
	c.figures.employ(w)
}

// fetch makes recordings ready for a worker that goes on with them. False: a bucket
// that has to give back a playlist doesn't answer; fetch is called again later.
func (c *composition) fetch() bool {
	for _, o := range c.outputs {
		if o.recording == nil || o.over || o.failure != nil || o.began.IsZero() {
			continue
		}
		if t := o.job.HLS.Thumbnails; t != nil { // those before are in the bucket
			t.First = 1 + int(time.Since(o.began)/(time.Duration(t.IntervalSeconds)*time.Second))
		}
		err := o.recording.Resume(c.house.ctx)
		if err == nil {
			continue
		}
		c.log.Warn("resume the recording", "destination", o.id, "error", err)
		if o.failure = o.recording.Failure(); o.failure != nil {
			continue
		}
		c.again = time.After(lastRestart)
		return false
	}
	return true
}

// job is what a worker is to do: each format is encoded once.
func (c *composition) job() (worker.Job, error) {
	stage, err := arn.Parse(c.doc.StageARN)
	if err != nil {
		return worker.Job{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	raw, err := c.house.Authority.Issue(token.Claims{
		ParticipantID: arn.NewID(), StageARN: c.doc.StageARN, StageID: stage.ID,
		Subscribe: true, Hidden: true, IssuedAt: now, ExpiresAt: now.Add(token.MaxLifetime),
	})
	if err != nil {
		return worker.Job{}, err
	}
	j := worker.Job{Token: raw}
	layout, err := json.Marshal(c.doc.Layout) // the names of the API's fields are the job's
	if err == nil {
		err = json.Unmarshal(layout, &j.Layout)
	}
	if err != nil {
		return worker.Job{}, fmt.Errorf("layout: %w", err)
	}
	programs := map[string]int{}
	for _, o := range c.outputs {
		if o.over || o.failure != nil {
			continue
		}
		n, known := programs[o.encoder]
		if !known {
			n = len(j.Programs)
			programs[o.encoder] = n
			j.Programs = append(j.Programs, worker.Program{
				Width: *o.video.Width, Height: *o.video.Height, FrameRate: *o.video.Framerate, Bitrate: *o.video.Bitrate,
			})
		}
		j.Programs[n].Destinations = append(j.Programs[n].Destinations, o.job)
	}
	return j, nil
}

// workerGone takes in that the process ended: as it was wanted, for a reason it
// told, or by a crash, after which another takes its place.
func (c *composition) workerGone() {
	w := c.worker
	exit := w.Wait()
	c.worker = nil
	c.figures.dismiss(w)
	for _, o := range c.outputs {
		o.nudge()
	}
	switch {
	case c.wanted != nil:
		c.finishOutputs()
		return
	case c.words == worker.StageDeleted:
		c.finish(&stageDeleted)
		return
	case c.words == worker.NoDestinations:
		c.settle() // or once their recordings have ended
		return
	}
	c.log.Error("worker ended unasked", "error", exit, "says", c.words, "after", w.Age().Round(time.Millisecond))
	for _, o := range c.outputs {
		o.writes, o.broken = false, false
		c.judge(o)
	}
	if w.Age() > goodTime {
		c.failures = 0
	}
	c.retryLater()
}

// retryLater has another worker take the place of one that failed, unless too many did.
func (c *composition) retryLater() {
	if c.failures++; c.failures > maxFailures {
		c.log.Error("composition fails: no worker can be kept up", "tried", c.failures)
		c.finish(&internalError)
		return
	}
	c.again = time.After(min(firstRestart<<(c.failures-1), lastRestart))
}
