package signaling

import (
	"encoding/json"

	"rostrum/internal/stage"
)

// A saying is what a client says on the events socket.
type saying struct {
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

var pong = stage.Message{Data: []byte(`{"type":"PONG"}`)}

// take does what a client's message says. What isn't understood is passed over:
// clients may be newer than this server.
func (s *socket) take(a *stage.Attendance, data []byte) {
	var m saying
	if json.Unmarshal(data, &m) != nil {
		return
	}
	switch m.Type {
	case "PING":
		s.deliver(pong)
	case "MUTE":
		var p struct{ AudioMuted, VideoStopped *bool }
		if json.Unmarshal(m.Payload, &p) == nil {
			a.Mute(p.AudioMuted, p.VideoStopped)
		}
	case "CLIENT_INFO":
		var p struct{ BrowserName, BrowserVersion, OSName, OSVersion, SDKVersion string }
		if json.Unmarshal(m.Payload, &p) == nil {
			a.Introduce(stage.Client(p))
		}
	case "EXCHANGE_TOKEN":
		var p struct{ Token string }
		if json.Unmarshal(m.Payload, &p) == nil {
			a.Exchange(s.ctx, p.Token)
		}
	}
}
