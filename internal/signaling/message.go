package signaling

import (
	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

var pong = stage.Message{Data: wire.Encode(0, wire.Pong{})}

// handle does what a client's message asks for. Clients may be newer than this
// server: what is unknown is ignored.
func (s *socket) handle(a *stage.Attendance, data []byte) {
	m, _ := wire.Decode(data)
	switch p := m.Payload.(type) {
	case wire.Ping:
		s.deliver(pong)
	case wire.Mute:
		a.Mute(p.AudioMuted, p.VideoStopped)
	case wire.ClientInfo:
		a.Introduce(stage.Client(p))
	case wire.ExchangeToken:
		a.Exchange(s.ctx, p.Token)
	}
}
