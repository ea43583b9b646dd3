package realtime

import (
	"errors"
	"fmt"
)

// An SEIMessage is data beside a picture of H.264: SEI of the type "user data unregistered".
// The server forwards it with the picture, and may lose it with the picture.
type SEIMessage struct {
	UUID    [16]byte // says what Payload is
	Payload []byte   // 1 to 1023 bytes
}

const (
	maxSEIPayload = 1023
	maxSEIRepeats = 30
	maxSEIWaiting = 64 // messages for pictures to come

	unitSEI          = 6
	seiUnregistered  = 5
	seiTrailing      = 0x80
	endOfPrefixUnits = 5 // units of types 1 to 5 are slices: SEI comes before them
)

// errNotH264 refuses SEI where there is none.
var errNotH264 = errors.New("SEI needs a track of H.264")

// InsertSEI sends a message with the next picture that WriteSample sends, in each layer, and
// with up to 30 further ones. 64 messages may wait for pictures; another is an error.
func (t *LocalTrack) InsertSEI(m SEIMessage, repeats int) error {
	switch {
	case t.codec != H264:
		return errNotH264
	case len(m.Payload) == 0 || len(m.Payload) > maxSEIPayload:
		return fmt.Errorf("insert SEI: a payload has 1 to %d bytes, this one has %d", maxSEIPayload, len(m.Payload))
	case repeats < 0 || repeats > maxSEIRepeats:
		return fmt.Errorf("insert SEI: 0 to %d repeats, not %d", maxSEIRepeats, repeats)
	}
	unit := m.encode()
	for _, l := range t.layers {
		if err := l.insertSEI(unit, 1+repeats); err != nil {
			return err
		}
	}
	return nil
}

// A waitingSEI is a message for the next pictures of a layer.
type waitingSEI struct {
	unit     []byte
	pictures int // that it is still for
}

func (l *localLayer) insertSEI(unit []byte, pictures int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused {
		return nil // nobody receives the layer
	}
	if len(l.sei) >= maxSEIWaiting {
		return fmt.Errorf("insert SEI: %d messages wait for a picture", maxSEIWaiting)
	}
	l.sei = append(l.sei, waitingSEI{unit, pictures})
	return nil
}

// withSEI adds the messages that wait to a picture; l.mu is held.
func (l *localLayer) withSEI(picture []byte) []byte {
	if len(l.sei) == 0 {
		return picture
	}
	at := firstSlice(picture)
	if at < 0 {
		return picture
	}
	out := append([]byte{}, picture[:at]...)
	rest := l.sei[:0]
	for _, m := range l.sei {
		out = append(append(out, 0, 0, 0, 1), m.unit...)
		if m.pictures--; m.pictures > 0 {
			rest = append(rest, m)
		}
	}
	l.sei = rest
	return append(out, picture[at:]...)
}

// encode writes the message as a NAL unit, without a start code.
func (m SEIMessage) encode() []byte {
	body := []byte{seiUnregistered}
	size := len(m.UUID) + len(m.Payload)
	for ; size >= 0xFF; size -= 0xFF {
		body = append(body, 0xFF)
	}
	body = append(append(append(body, byte(size)), m.UUID[:]...), m.Payload...)
	unit := []byte{unitSEI}
	zeros := 0
	for _, b := range append(body, seiTrailing) {
		if zeros == 2 && b <= 3 { // emulation prevention (H.264 §7.4.1)
			unit, zeros = append(unit, 3), 0
		}
		if zeros++; b != 0 {
			zeros = 0
		}
		unit = append(unit, b)
	}
	return unit
}

// SEI returns the messages in a sample of H.264, which are of type "user data unregistered".
// What is malformed is left out.
func (s Sample) SEI() []SEIMessage {
	var all []SEIMessage
	for start, end := range units(s.Data) {
		if s.Data[start]&0x1F == unitSEI {
			all = appendSEI(all, unescape(s.Data[start+1:end]))
		}
	}
	return all
}

// appendSEI reads the messages of one unit (H.264 §7.3.2.3).
func appendSEI(all []SEIMessage, body []byte) []SEIMessage {
	number := func() int {
		n := 0
		for len(body) > 0 {
			b := body[0]
			body = body[1:]
			if n += int(b); b != 0xFF {
				return n
			}
		}
		return -1
	}
	for len(body) > 1 { // the last byte is the trailing one
		kind, size := number(), number()
		if kind < 0 || size < 0 || size > len(body) {
			return all
		}
		if kind == seiUnregistered && size > 16 {
			all = append(all, SEIMessage{UUID: [16]byte(body[:16]), Payload: body[16:size:size]})
		}
		body = body[size:]
	}
	return all
}

// unescape removes emulation prevention.
func unescape(unit []byte) []byte {
	out := make([]byte, 0, len(unit))
	zeros := 0
	for _, b := range unit {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if zeros++; b != 0 {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}

// firstSlice is where the start code of the first slice begins; -1 without one.
func firstSlice(picture []byte) int {
	for start := range units(picture) {
		if kind := picture[start] & 0x1F; kind >= 1 && kind <= endOfPrefixUnits {
			if start >= 4 && picture[start-4] == 0 {
				return start - 4
			}
			return start - 3
		}
	}
	return -1
}

// units returns where each NAL unit of an access unit in Annex B form begins, after its start
// code, and ends.
func units(data []byte) func(yield func(start, end int) bool) {
	return func(yield func(start, end int) bool) {
		start := -1
		for i := 0; i+2 < len(data); i++ {
			if data[i] != 0 || data[i+1] != 0 || data[i+2] != 1 {
				continue
			}
			end := i
			if end > 0 && data[end-1] == 0 {
				end-- // of a start code of four bytes
			}
			if start >= 0 && end > start && !yield(start, end) {
				return
			}
			start = i + 3
			i += 2
		}
		if start >= 0 && start < len(data) {
			yield(start, len(data))
		}
	}
}
