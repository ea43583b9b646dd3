package stage

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/ivsrealtime"
)

// An IngestStream is what an encoder publishes as the participant of its ingest
// configuration. WriteFrame is for one goroutine.
type IngestStream struct {
	connection *Connection
	who        string
	labels     []string
	lastFrame  atomic.Int64 // Unix nanoseconds

	// Of redundant ingest; nil otherwise.
	pass  func(sfu.LocalFrame) // what the virtual participant may show
	leave func()               // it gets no more
}

// WriteFrame passes a frame on to the subscribers. Its units must not be changed
// afterwards.
func (i *IngestStream) WriteFrame(f sfu.LocalFrame) {
	i.lastFrame.Store(time.Now().UnixNano())
	i.connection.publisher.WriteFrames(f)
	if i.pass != nil {
		i.pass(f)
	}
}

// SetVideoCodec sets the codec of the video, which is H.264 otherwise, before WriteFrame gets any.
func (i *IngestStream) SetVideoCodec(c media.Codec) error {
	if i.pass != nil {
		return &IngestError{Code: ivsrealtime.ErrorInvalidVideoCodec, Who: i.who, Detail: fmt.Sprintf("redundant ingest has H.264 only, not %s", c)}
	}
	i.connection.publisher.SetVideoCodec(c)
	return nil
}

// Who names the ingest configuration and its stage, for the operator.
func (i *IngestStream) Who() string { return i.who }

// Done is closed when the stream has ended: the encoder must be disconnected.
func (i *IngestStream) Done() <-chan struct{} { return i.connection.publisher.Done() }

// Close ends the stream, and returns once that is stored. A failure is added to
// the participant's history before; nil is an encoder that stopped.
func (i *IngestStream) Close(failure *IngestError) error {
	if i.leave != nil {
		i.leave() // viewers don't wait for what follows
	}
	c := i.connection
	err := c.session.callAndCommit(func() error {
		if c.ended {
			return nil
		}
		if failure != nil && failure.Code != "" {
			c.session.publishFailed(c, failure.Code)
			return nil
		}
		c.session.closeConnection(c, "")
		return nil
	})
	if errors.Is(err, errSessionEnded) {
		return nil
	}
	return err
}

// EndReason says why the stream ended, for the encoder; empty while it runs or if
// the encoder itself ended it.
func (i *IngestStream) EndReason() string {
	if reason := i.connection.endReason.Load(); reason != nil {
		return *reason
	}
	select {
	case <-i.Done():
		return "the server failed" // nobody ended it
	default:
		return ""
	}
}
