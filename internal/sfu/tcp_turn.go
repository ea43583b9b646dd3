package sfu

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

var errNotTURN = errors.New("not a message of TURN")

// buffered is a connection of which some bytes were read ahead.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (b bufferedConn) Read(p []byte) (int, error) { return b.in.Read(p) }

// beginsTLS tells whether the client begins a TLS handshake. As a frame of ICE-TCP it would
// be too long.
func startsWithTLS(in *bufio.Reader) bool {
	b, err := in.Peek(1)
	return err == nil && b[0] == 22
}

// beginsSTUN tells a TURN client from one of ICE-TCP, whose frames begin with their length.
// What is no length at all needn't be waited for.
func startsWithSTUN(in *bufio.Reader) bool {
	b, err := in.Peek(2)
	if err != nil || binary.BigEndian.Uint16(b) == 0 || binary.BigEndian.Uint16(b) > maxDatagram {
		return false
	}
	b, err = in.Peek(8)
	return err == nil && binary.BigEndian.Uint32(b[4:]) == stunMagic
}

// readTURN serves a TURN client (RFC 8656 §3.1). What comes through the allocation is worked
// through before more is read.
func (p *tcpConn) readTURN(in *bufio.Reader) {
	turn := p.server.engine.turn
	defer turn.remove(clientOf(&p.route))
	buffer := make([]byte, maxDatagram+8)
	done, identified := make(chan struct{}, 1), false
	for {
		b, err := readTURNMessage(in, buffer)
		if err != nil {
			return
		}
		var r turnOutcome
		if b[0] < 64 {
			if r = turn.serve(b, &p.route); r.answer != nil && !p.queueMessage(r.answer) {
				return
			}
			if r.authentic && !identified && turn.find(&p.route) != nil {
				identified = true
				p.identified()
			}
		} else if channel, payload, ok := parseChannelData(b); ok {
			if a := turn.find(&p.route); a != nil {
				r.permission, r.payload = a.byChannel(channel), payload
			}
		}
		if r.permission == nil {
			continue
		}
		if t := r.permission.transportFor(p.server.engine, r.payload); t != nil {
			t.runOnShard(func(s *shard) {
				s.receiveFor(t, r.payload, r.permission.route)
				done <- struct{}{}
			})
			<-done
		}
		select {
		case <-p.closed:
			return
		default:
		}
	}
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
