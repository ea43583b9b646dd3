//go:build cgo

package mediajob

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/worker"
)

const (
	transcodedBitrate = 128_000 // bits a second

	// resyncAfter is how far the samples may be from their timestamps before they begin anew:
	// a frame was lost, the encoder paused, or its timestamps jumped.
	resyncAfter = 18 * time.Millisecond
	// correctAfter is how far they may be before samples are left out or repeated, one in each
	// frame: the clocks of sound card and timestamps differ.
	correctAfter = 5 * time.Millisecond
)

// Transcode turns the AAC of many streams into Opus, until its input ends
// (worker.NewTranscoder). One goroutine does all: a frame takes less than waking another.
func Transcode(ctx context.Context, in io.Reader, out io.Writer) error {
	t := &transcoder{streams: map[uint32]*transcoding{}, w: bufio.NewWriter(out)}
	defer t.close()
	for r := bufio.NewReader(flushingReader{in, t.w}); ctx.Err() == nil; {
		m, err := worker.ReadStreamMessage(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t.handle(m)
	}
	return nil
}

// A flushingReader flushes what was written before it waits for more to read.
type flushingReader struct {
	in io.Reader
	w  *bufio.Writer
}

func (f flushingReader) Read(b []byte) (int, error) {
	_ = f.w.Flush() // it fails if the server is gone, and then the input ends too
	return f.in.Read(b)
}

// A transcoder transcodes many streams.
type transcoder struct {
	streams map[uint32]*transcoding // by their ids
	w       *bufio.Writer
}

func (t *transcoder) close() {
	for _, s := range t.streams {
		s.close()
	}
}

func (t *transcoder) handle(m worker.StreamMessage) {
	s := t.streams[m.Stream]
	switch {
	case m.Kind == worker.StreamOpen && s == nil:
		s, err := newTranscoding(m.Data)
		if err != nil {
			t.write(m.Stream, worker.StreamMessage{Kind: worker.StreamError, Data: []byte(err.Error())})
			return
		}
		t.streams[m.Stream] = s
	case m.Kind == worker.StreamClose && s != nil:
		s.close()
		delete(t.streams, m.Stream)
	case m.Kind == worker.StreamInput && s != nil:
		for _, p := range s.frame(m) {
			t.write(m.Stream, p)
		}
	}
}

func (t *transcoder) write(stream uint32, m worker.StreamMessage) {
	m.Stream = stream
	_ = worker.WriteStreamMessage(t.w, m) // as Flush
}

// transcoding is one stream's decoder and encoder, and its clock.
type transcoding struct {
	decoder *codec.AudioDecoder
	encoder *codec.AudioEncoder
	started bool
	begin   time.Duration // time of the first sample
	samples int64         // of each channel, decoded since
	encoded int64         // of each channel, in packets since
	pending []float32     // decoded, not encoded yet: for their level
}

func newTranscoding(config []byte) (*transcoding, error) {
	d, err := codec.NewAudioDecoder(codec.AAC, config)
	if err != nil {
		return nil, err
	}
	e, err := codec.NewAudioEncoder(codec.Opus, transcodedBitrate)
	if err != nil {
		d.Close()
		return nil, err
	}
	return &transcoding{decoder: d, encoder: e}, nil
}

func (t *transcoding) close() {
	t.decoder.Close()
	t.encoder.Close()
}

// frame transcodes one frame. Damaged ones are left out: the next continues at its time.
func (t *transcoding) frame(m worker.StreamMessage) (packets []worker.StreamMessage) {
	samples, err := t.decoder.Decode(m.Data)
	if err != nil || len(samples) == 0 {
		return nil
	}
	samples = t.align(samples, m.Time)
	t.samples += int64(len(samples) / 2)
	t.pending = append(t.pending, samples...)
	encoded, err := t.encoder.Encode(samples)
	if err != nil {
		return nil
	}
	for _, data := range encoded {
		at := t.begin + duration(t.encoded-int64(t.encoder.Delay()))
		frame := t.pending[:min(2*t.encoder.FrameSize(), len(t.pending))]
		packets = append(packets, worker.StreamMessage{Kind: worker.StreamOutput, Time: at, Level: level(frame), Data: data})
		t.encoded += int64(t.encoder.FrameSize())
		t.pending = append(t.pending[:0], t.pending[len(frame):]...)
	}
	return packets
}

// align makes the clock of the samples follow that of the timestamps. It may change the
// number of samples.
func (t *transcoding) align(samples []float32, at time.Duration) []float32 {
	ahead := t.begin + duration(t.samples) - at // of the samples
	switch {
	case !t.started, ahead > resyncAfter, ahead < -resyncAfter:
		t.started, t.begin = true, at-duration(t.samples)
	case ahead > correctAfter:
		samples = samples[:len(samples)-2]
	case ahead < -correctAfter:
		samples = append(samples[:len(samples):len(samples)], samples[len(samples)-2:]...)
	}
	return samples
}

func duration(samples int64) time.Duration {
	return time.Duration(samples) * time.Second / codec.SampleRate
}

// level is the loudness in -dBov (RFC 6464).
func level(samples []float32) uint8 {
	sum := 0.0
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	if sum == 0 {
		return 127
	}
	return uint8(min(max(-10*math.Log10(sum/float64(len(samples))), 0), 127))
}
