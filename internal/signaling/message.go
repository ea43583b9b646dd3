package signaling

import (
	"encoding/json"

	"rostrum/internal/stage"
)

// What a client can say on the events socket.
type (
	ping       struct{}
	muteMedia  struct{ AudioMuted, VideoStopped *bool }
	introduce  struct{ BrowserName, BrowserVersion, OSName, OSVersion, SDKVersion string }
	offerToken struct{ Token string }
)

// understand reads what a client says; nil if it can't be understood. That is
// passed over: clients may be newer than this server.
func understand(data []byte) any {
	var said struct {
		Type    string
		Payload json.RawMessage
	}
	if json.Unmarshal(data, &said) != nil {
		return nil
	}
	switch said.Type {
	case "PING":
		return ping{}
	case "MUTE":
		return payload[muteMedia](said.Payload)
	case "CLIENT_INFO":
		return payload[introduce](said.Payload)
	case "EXCHANGE_TOKEN":
		return payload[offerToken](said.Payload)
	}
	return nil
}

func payload[T any](raw json.RawMessage) any {
	var p T
	if json.Unmarshal(raw, &p) != nil {
		return nil
	}
	return p
}

var pong = stage.Message{Data: []byte(`{"type":"PONG"}`)}

// take does what a client's message says.
func (s *socket) take(a *stage.Attendance, data []byte) {
	switch said := understand(data).(type) {
	case ping:
		s.deliver(pong)
	case muteMedia:
		a.Mute(said.AudioMuted, said.VideoStopped)
	case introduce:
		a.Introduce(stage.Client(said))
	case offerToken:
		a.Exchange(s.ctx, said.Token)
	}
}
