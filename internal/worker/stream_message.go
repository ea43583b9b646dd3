package worker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"time"
)

// A MessageKind is what a StreamMessage says.
type MessageKind byte

// The kinds of messages between Streams and their process.
const (
	StreamOpen   MessageKind = iota + 1 // to the process: a stream begins; Data is its configuration
	StreamInput                         // to the process
	StreamClose                         // to the process: the stream has ended
	StreamOutput                        // from the process
	StreamError                         // from the process: it can't handle the stream or an input; Data says why
)

// A StreamMessage is one message, in either direction:
//
//	kind 1 byte, stream 4, time 8 (ns), keyframe 1 bit, level 7, length of data 4, data; big endian
type StreamMessage struct {
	Kind     MessageKind
	Stream   uint32
	Time     time.Duration // of the first sample or of the picture, on the stream's own clock
	Keyframe bool          // of a picture: it is one, or is to be encoded as one
	Level    uint8         // of a packet of audio, in -dBov (RFC 6464)
	Data     []byte
}

const (
	messageHeader   = 18
	keyframeBit     = 0x80
	maxMessageBytes = 8 << 20 // of the data
)

var errMessageTooLong = errors.New("a message of a stream is too long")

// WriteStreamMessage writes a message.
func WriteStreamMessage(w *bufio.Writer, m StreamMessage) error {
	if len(m.Data) > maxMessageBytes {
		return errMessageTooLong
	}
	b := append(w.AvailableBuffer(), byte(m.Kind))
	b = binary.BigEndian.AppendUint32(b, m.Stream)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Time))
	flags := m.Level &^ keyframeBit
	if m.Keyframe {
		flags |= keyframeBit
	}
	b = binary.BigEndian.AppendUint32(append(b, flags), uint32(len(m.Data)))
	_, err1 := w.Write(b)
	_, err2 := w.Write(m.Data)
	return errors.Join(err1, err2)
}

// ReadStreamMessage reads the next message. The error is io.EOF at the end.
func ReadStreamMessage(r *bufio.Reader) (StreamMessage, error) {
	var h [messageHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return StreamMessage{}, err
	}
	m := StreamMessage{
		Kind: MessageKind(h[0]), Stream: binary.BigEndian.Uint32(h[1:]),
		Time: time.Duration(binary.BigEndian.Uint64(h[5:])), Keyframe: h[13]&keyframeBit != 0, Level: h[13] &^ keyframeBit,
	}
	n := binary.BigEndian.Uint32(h[14:])
	if n > maxMessageBytes {
		return m, errMessageTooLong
	}
	m.Data = make([]byte, n)
	_, err := io.ReadFull(r, m.Data)
	return m, err
}

// AppendPicture appends a picture to the input of a Thumbnailer's stream.
func AppendPicture(input, picture []byte) []byte {
	return append(binary.BigEndian.AppendUint32(input, uint32(len(picture))), picture...)
}

// Pictures are those of such an input.
func Pictures(input []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(input) >= 4 {
			n := int64(binary.BigEndian.Uint32(input))
			if input = input[4:]; n > int64(len(input)) || !yield(input[:n]) {
				return
			}
			input = input[n:]
		}
	}
}
