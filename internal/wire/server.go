package wire

import "rostrum/ivsrealtime"

// A Participant is a participant of a stage as the others see it.
type Participant struct {
	ID           string                   `json:"id"`
	UserID       string                   `json:"userId"`
	Attributes   map[string]string        `json:"attributes"`
	Capabilities []ivsrealtime.Capability `json:"capabilities"`
	IsPublishing bool                     `json:"isPublishing"` // its media flows
	AudioMuted   bool                     `json:"audioMuted"`
	VideoStopped bool                     `json:"videoStopped"`
	Replica      bool                     `json:"replica,omitempty"` // it comes from another stage
}

// Encode writes the participant for a StateEncoder.
func (p Participant) Encode() []byte { return marshal(p) }

// StageState has all participants that the receiver may see, in the order of
// their arrival. It is sent on connect and after each change.
type StageState struct {
	StageID      string        `json:"stageId"`
	Participants []Participant `json:"participants"`
}

// Type implements Payload.
func (StageState) Type() Type { return "STAGE_STATE" }

// ParticipantJoined is sent when a participant arrives.
type ParticipantJoined struct{ Participant }

// Type implements Payload.
func (ParticipantJoined) Type() Type { return "PARTICIPANT_JOINED" }

// ParticipantLeft is sent when a participant is gone.
type ParticipantLeft struct {
	ParticipantID string `json:"participantId"`
	UserID        string `json:"userId"`
}

// Type implements Payload.
func (ParticipantLeft) Type() Type { return "PARTICIPANT_LEFT" }

// PublishState is sent when a participant's media begins or ends.
type PublishState struct {
	ParticipantID string                     `json:"participantId"`
	IsPublishing  bool                       `json:"isPublishing"`
	Participant   Participant                `json:"participant"`
	ErrorCode     ivsrealtime.EventErrorCode `json:"errorCode,omitempty"` // the fault that ended it, if any
	Replaced      bool                       `json:"replaced,omitempty"`  // it ended because the participant begins a newer one
}

// Type implements Payload.
func (PublishState) Type() Type { return "PUBLISH_STATE" }

// MuteChanged is sent when a participant mutes or unmutes its media.
type MuteChanged struct {
	ParticipantID string `json:"participantId"`
	AudioMuted    bool   `json:"audioMuted"`
	VideoStopped  bool   `json:"videoStopped"`
}

// Type implements Payload.
func (MuteChanged) Type() Type { return "MUTE_CHANGED" }

// MetadataChanged is sent when a participant has a new token with other
// attributes or capabilities.
type MetadataChanged struct {
	ParticipantID string                   `json:"participantId"`
	UserID        string                   `json:"userId"`
	Attributes    map[string]string        `json:"attributes"`
	Capabilities  []ivsrealtime.Capability `json:"capabilities"`
}

// Type implements Payload.
func (MetadataChanged) Type() Type { return "METADATA_CHANGED" }

// A Layer is one encoding of a publisher's video.
type Layer struct {
	Label     string  `json:"label"`
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Bitrate   int     `json:"bitrate"` // bits per second
	Framerate float64 `json:"framerate"`
	Active    bool    `json:"active"` // it is available, even while it is not sent because nobody watches it
}

// Layers is sent when a publisher's layers change.
type Layers struct {
	ParticipantID string  `json:"participantId"`
	Layers        []Layer `json:"layers"`
}

// Type implements Payload.
func (Layers) Type() Type { return "LAYERS" }

// ActiveSpeaker is sent when another participant speaks.
type ActiveSpeaker struct {
	ParticipantID string `json:"participantId"` // "" if nobody speaks
}

// Type implements Payload.
func (ActiveSpeaker) Type() Type { return "ACTIVE_SPEAKER" }

// A MediaKind is audio or video.
type MediaKind string

// The kinds of media.
const (
	Audio MediaKind = "audio"
	Video MediaKind = "video"
)

// A PauseReason is why a subscription carries no video.
type PauseReason string

// The reasons of pauses.
const (
	PausedByChoice    PauseReason = "choice"    // the subscriber asked for it
	PausedByBandwidth PauseReason = "bandwidth" // the lowest layer exceeds the available bandwidth
	PausedNoLayer     PauseReason = "no-layer"  // the publisher sends none
	PausedNoCodec     PauseReason = "no-codec"  // the subscriber's offer lacks the publisher's codec
)

// LayerSelected is sent to a subscriber when the layer that it receives changes.
type LayerSelected struct {
	ParticipantID string      `json:"participantId"` // of the publisher
	Kind          MediaKind   `json:"kind"`
	Label         string      `json:"label"` // of the layer; "" if there is one only, or none
	Paused        bool        `json:"paused"`
	Reason        PauseReason `json:"reason,omitempty"` // if paused
}

// Type implements Payload.
func (LayerSelected) Type() Type { return "LAYER_SELECTED" }

// LayersUnused is sent to a publisher with the layers that it need not send
// because nobody watches them.
type LayersUnused struct {
	Labels []string `json:"labels"`
}

// Type implements Payload.
func (LayersUnused) Type() Type { return "LAYERS_UNUSED" }

// TokenExchanged is sent to a participant after its ExchangeToken.
type TokenExchanged struct{ Participant }

// Type implements Payload.
func (TokenExchanged) Type() Type { return "TOKEN_EXCHANGED" }

// Pong answers a Ping.
type Pong struct{}

// Type implements Payload.
func (Pong) Type() Type { return "PONG" }

// A CloseReason is why the server closes a socket.
type CloseReason string

// The reasons of close notices.
const (
	ReasonDisconnected   CloseReason = "participant-disconnected" // by DisconnectParticipant
	ReasonTokenReused    CloseReason = "token-reused"             // another client connected with the token
	ReasonFailedExchange CloseReason = "failed-exchange"          // the new token was refused
	ReasonStageDeleted   CloseReason = "stage-deleted"
	ReasonGoingAway      CloseReason = "going-away"
	ReasonDetached       CloseReason = "detached"                              // by the client
	ReasonForcedLeave    CloseReason = "real-time-connection-forced-leave"     // the connection ended, or its token expired
	ReasonRevoked        CloseReason = "real-time-connection-token-revocation" // by RevokeConnectionToken
)

// A CloseNotice is the payload of the last message before the server closes a
// socket.
type CloseNotice struct {
	Reason CloseReason `json:"reason"`
	Detail string      `json:"detail,omitempty"` // for people
	Code   string      `json:"code,omitempty"`   // of the refusal, for a failed exchange
}

// Notice returns what Kicked, StageDeleted and GoingAway have in common.
func (n CloseNotice) Notice() CloseNotice { return n }

// Closing is the payload of a message after which the server closes the socket.
type Closing interface {
	Payload
	Notice() CloseNotice
}

// Kicked closes the socket of a participant that must not reconnect.
type Kicked struct{ CloseNotice }

// Type implements Payload.
func (Kicked) Type() Type { return "KICKED" }

// StageDeleted closes the sockets of a stage that is deleted.
type StageDeleted struct{ CloseNotice }

// Type implements Payload.
func (StageDeleted) Type() Type { return "STAGE_DELETED" }

// GoingAway closes the sockets of a server that stops. Clients reconnect.
type GoingAway struct{ CloseNotice }

// Type implements Payload.
func (GoingAway) Type() Type { return "GOING_AWAY" }
