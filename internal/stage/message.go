package stage

import (
	"rostrum/internal/sfu"
	"rostrum/ivsrealtime"
)

// The payloads of the events socket's messages (docs/protocol.md). A type that
// an older client doesn't know is passed over by it.

type leftPayload struct {
	ParticipantID string `json:"participantId"`
	UserID        string `json:"userId"`
}

type publishPayload struct {
	ParticipantID string                     `json:"participantId"`
	IsPublishing  bool                       `json:"isPublishing"`
	Participant   Member                     `json:"participant"`
	ErrorCode     ivsrealtime.EventErrorCode `json:"errorCode,omitempty"` // why it ended, if for a fault
}

type mutePayload struct {
	ParticipantID string `json:"participantId"`
	AudioMuted    bool   `json:"audioMuted"`
	VideoStopped  bool   `json:"videoStopped"`
}

type metadataPayload struct {
	ParticipantID string                   `json:"participantId"`
	UserID        string                   `json:"userId"`
	Attributes    map[string]string        `json:"attributes"`
	Capabilities  []ivsrealtime.Capability `json:"capabilities"`
}

type layersPayload struct {
	ParticipantID string         `json:"participantId"`
	Layers        []layerPayload `json:"layers"`
}

func describeLayers(participantID string, layers []sfu.LayerInfo) layersPayload {
	payload := layersPayload{participantID, make([]layerPayload, len(layers))}
	for i, l := range layers {
		payload.Layers[i] = layerPayload{l.Label, l.Width, l.Height, l.Bitrate, l.FPS, l.Active}
	}
	return payload
}

type layerPayload struct {
	Label     string  `json:"label"`
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Bitrate   int     `json:"bitrate"` // bits a second
	Framerate float64 `json:"framerate"`
	Active    bool    `json:"active"`
}

type unwatchedPayload struct {
	Labels []string `json:"labels"` // none: all are to be sent
}

type layerSelectedPayload struct {
	ParticipantID string `json:"participantId"` // the publisher
	Kind          string `json:"kind"`
	Label         string `json:"label"`
	Paused        bool   `json:"paused"`
	Reason        string `json:"reason,omitempty"`
}

type speakerPayload struct {
	ParticipantID string `json:"participantId"` // "" when nobody speaks
}
