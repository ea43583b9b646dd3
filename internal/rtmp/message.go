package rtmp

import "encoding/binary"

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
	aggregate    = 22
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
	data := parseAMF0(body)
	if len(data) < 2 {
		return command{}, false
	}
	name, isName := data[0].(string)
	id, isID := data[1].(float64)
	return command{name, int(id), data[2:]}, isName && isID
}

// split returns the messages of an aggregate, as far as it is whole (RTMP 1.0 §7.1.6). Their
// timestamps are relative to the first one's.
func (m message) split() (all []message) {
	const header, pointer = 11, 4 // bytes: a tag of FLV, and its size again
	first := uint32(0)
	for b := m.body; len(b) >= header; {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		timestamp := uint32(b[7])<<24 | binary.BigEndian.Uint32(b[3:])&0xffffff
		if len(b) < header+n {
			break
		}
		if len(all) == 0 {
			first = timestamp
		}
		if kind := b[0]; kind != aggregate {
			all = append(all, message{kind, m.timestamp + timestamp - first, b[header : header+n]})
		}
		b = b[min(header+n+pointer, len(b)):]
	}
	return all
}

// packets parses an audio or video message. There is none in a message without a frame.
func (m message) packets() []packet {
	if m.kind == videoMessage {
		return parseVideo(m.body)
	}
	return parseAudio(m.body)
}
