package sfu

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var errNotTURN = errors.New("not a TURN message")

// startsWithTLS reports whether the client starts a TLS handshake. As a frame of ICE-TCP it
// would be too long.
func startsWithTLS(in *bufio.Reader) bool {
	b, err := in.Peek(1)
	return err == nil && b[0] == 22
}

// startsWithSTUN tells a TURN client from an ICE-TCP client, whose frames start with their
// length. It does not wait for more bytes if the first two are no valid length.
func startsWithSTUN(in *bufio.Reader) bool {
	b, err := in.Peek(2)
	if err != nil || binary.BigEndian.Uint16(b) == 0 || binary.BigEndian.Uint16(b) > maxDatagram {
		return false
	}
	b, err = in.Peek(8)
	return err == nil && binary.BigEndian.Uint32(b[4:]) == stunMagic
}

// readFrames waits for one frame (RFC 4571) and reads all others that are complete in the
// buffer. It appends them to out with their lengths.
func readFrames(in *bufio.Reader, out []byte) ([]byte, error) {
	for first := true; ; first = false {
		if !first && in.Buffered() < 2 {
			return out, nil
		}
		head, err := in.Peek(2)
		if err != nil {
			return nil, err
		}
		n := int(binary.BigEndian.Uint16(head))
		if n == 0 || n > maxDatagram {
			return nil, fmt.Errorf("a frame of %d bytes", n)
		}
		if !first && in.Buffered() < 2+n {
			return out, nil
		}
		at := len(out)
		out = append(out, make([]byte, 2+n)...)
		if _, err := io.ReadFull(in, out[at:]); err != nil {
			return nil, err
		}
	}
}

// nextFrame splits the first frame off.
func nextFrame(frames []byte) (frame, rest []byte) {
	n := 2 + int(binary.BigEndian.Uint16(frames))
	return frames[2:n], frames[n:]
}

// readTURNMessage reads one STUN or ChannelData message into a buffer.
func readTURNMessage(in *bufio.Reader, buffer []byte) ([]byte, error) {
	head, err := in.Peek(4)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	switch {
	case head[0]&0xc0 == 0:
		n += stunHeader
	case head[0] >= 64 && head[0] < 80:
		n = 4 + (n+3)&^3
	default:
		return nil, errNotTURN
	}
	if n > len(buffer) {
		return nil, errNotTURN
	}
	_, err = io.ReadFull(in, buffer[:n])
	return buffer[:n], err
}
