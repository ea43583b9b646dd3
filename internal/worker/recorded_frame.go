package worker

import (
	"encoding/binary"
	"errors"
	"time"

	"rostrum/internal/media"
)

// A RecordedFrame is one picture (of H.264 an access unit in Annex B form) or one packet of
// audio of a recording. It is the data of an input of a RecordingComposer:
//
//	codec 1 byte, width 2, height 2, offset 4 (µs), data; big endian
type RecordedFrame struct {
	Codec         media.Codec
	Width, Height int           // of a keyframe's picture; 0 if unknown
	Offset        time.Duration // from its time, which is that of decoding, to presentation
	Data          []byte
}

const recordedFrameHeader = 9

// Marshal writes the frame.
func (f RecordedFrame) Marshal() []byte {
	b := append(make([]byte, 0, recordedFrameHeader+len(f.Data)), byte(f.Codec))
	b = binary.BigEndian.AppendUint16(b, uint16(f.Width))
	b = binary.BigEndian.AppendUint16(b, uint16(f.Height))
	b = binary.BigEndian.AppendUint32(b, uint32(int32(f.Offset/time.Microsecond)))
	return append(b, f.Data...)
}

// ParseRecordedFrame reads what Marshal wrote. It keeps the memory.
func ParseRecordedFrame(b []byte) (RecordedFrame, error) {
	if len(b) < recordedFrameHeader {
		return RecordedFrame{}, errors.New("a recorded frame is too short")
	}
	return RecordedFrame{
		Codec: media.Codec(b[0]), Width: int(binary.BigEndian.Uint16(b[1:])), Height: int(binary.BigEndian.Uint16(b[3:])),
		Offset: time.Duration(int32(binary.BigEndian.Uint32(b[5:]))) * time.Microsecond, Data: b[recordedFrameHeader:],
	}, nil
}
