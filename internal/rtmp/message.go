package rtmp

import (
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
)

// Types of messages (RTMP 1.0 §5.4, §6.2, §7.1).
const (
	setChunkSize = 1
	abort        = 2
	acknowledge  = 3
	userControl  = 4
	windowSize   = 5
	bandwidth    = 6
	audioMessage = 8
	videoMessage = 9
	dataAMF0     = 18
	commandAMF3  = 17
	commandAMF0  = 20
)

// Types of user control events (RTMP 1.0 §7.1.7).
const (
	pingRequest  = 6
	pingResponse = 7
)

// A message is one message, assembled from its chunks.
type message struct {
	kind      uint8
	timestamp uint32 // milliseconds, wrapping
	body      []byte
}

// command parses a command message. ok is false for other messages.
func (m message) command() (c command, ok bool) {
	body := m.body
	switch {
	case m.kind == commandAMF3 && len(body) > 0:
		body = body[1:] // in practice a byte, then AMF0
	case m.kind != commandAMF0:
		return command{}, false
	}
	data, err := amf0.Unmarshal(body)
	if err != nil || len(data) < 2 {
		return command{}, false
	}
	name, isName := data[0].(string)
	id, isID := data[1].(float64)
	return command{name, int(id), data[2:]}, isName && isID
}

// frame parses an audio or video message. shift is from decoding to presentation. ok is
// false for a message without a frame.
func (m message) frame() (f Frame, shift time.Duration, ok bool, err error) {
	if m.kind == videoMessage {
		return parseVideo(m.body)
	}
	f, ok, err = parseAudio(m.body)
	return f, 0, ok, err
}
