package worker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// An AudioKind is what an AudioMessage says.
type AudioKind byte

// The kinds of messages between a Transcoder and its process.
const (
	AudioOpen   AudioKind = iota + 1 // to the process: a stream begins; Data is its AudioSpecificConfig (ISO 14496-3)
	AudioFrame                       // to the process: Data is a frame of AAC
	AudioClose                       // to the process: the stream has ended
	AudioPacket                      // from the process: Data is a packet of Opus, of 20 ms
	AudioError                       // from the process: the stream can't be decoded; Data says why
)

// An AudioMessage is one message, in either direction:
//
//	kind 1 byte, stream 4, time 8 (ns), level 1, length of data 4, data; big endian
type AudioMessage struct {
	Kind   AudioKind
	Stream uint32
	Time   time.Duration // of the first sample, on the stream's own clock
	Level  uint8         // of a packet, in -dBov (RFC 6464)
	Data   []byte
}

const (
	audioHeader   = 18
	maxAudioBytes = 64 << 10 // of one message
)

var errAudioMessage = errors.New("a message about audio is too long")

// WriteAudioMessage writes a message.
func WriteAudioMessage(w io.Writer, m AudioMessage) error {
	if len(m.Data) > maxAudioBytes {
		return errAudioMessage
	}
	b := append(make([]byte, 0, audioHeader+len(m.Data)), byte(m.Kind))
	b = binary.BigEndian.AppendUint32(b, m.Stream)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Time))
	b = binary.BigEndian.AppendUint32(append(b, m.Level), uint32(len(m.Data)))
	_, err := w.Write(append(b, m.Data...))
	return err
}

// ReadAudioMessage reads the next message. The error is io.EOF at the end.
func ReadAudioMessage(r *bufio.Reader) (AudioMessage, error) {
	var h [audioHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return AudioMessage{}, err
	}
	m := AudioMessage{
		Kind: AudioKind(h[0]), Stream: binary.BigEndian.Uint32(h[1:]),
		Time: time.Duration(binary.BigEndian.Uint64(h[5:])), Level: h[13],
	}
	n := binary.BigEndian.Uint32(h[14:])
	if n > maxAudioBytes {
		return m, errAudioMessage
	}
	m.Data = make([]byte, n)
	_, err := io.ReadFull(r, m.Data)
	return m, err
}
