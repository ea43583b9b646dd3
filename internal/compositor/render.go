//go:build cgo

package compositor

import (
	"errors"
	"time"
)

// Render composes a recorded Stage without a clock, and closes the encoders. Before each tick,
// feed writes to the participants what is due up to the tick's time; it reports whether the
// tick is to be made. All packets are written to an Output, which is closed.
func (p *Program) Render(output Output, feed func(due time.Duration) (more bool, err error)) (err error) {
	defer p.close()
	defer close(p.ended)
	defer func() { err = errors.Join(err, output.Close()) }()
	var writeErr error
	p.rendered = func(packet Packet) {
		if writeErr == nil {
			writeErr = output.Write(packet)
		}
	}
	for n := int64(0); ; n++ {
		due := p.clock.at(n)
		more, err := feed(due)
		if err != nil {
			return err
		}
		if !more {
			return errors.Join(p.finish(n, p.stage.At(due)), p.flushAudio(), writeErr)
		}
		p.recordTick(1, 0, false)
		if err := errors.Join(p.tick(n, 1, p.stage.At(due), 0, false), writeErr); err != nil {
			return err
		}
	}
}

// flushAudio sends the last audio that the encoder holds, followed by silence.
func (p *Program) flushAudio() error {
	packets, err := p.audioEncoder.Encode(make([]float32, 2*(p.audioEncoder.FrameSize()+p.audioEncoder.Delay())))
	p.sendAudio(packets)
	return err
}
