package ivsrealtime

import "time"

// A Capability is a capability of a participant token.
type Capability string

// The capabilities of a participant token.
const (
	CapabilityPublish   Capability = "PUBLISH"
	CapabilitySubscribe Capability = "SUBSCRIBE"
)

// A ParticipantToken authenticates one participant when joining a stage.
type ParticipantToken struct {
	ParticipantID  string            `json:"participantId,omitempty"`
	Token          string            `json:"token,omitempty"` // a secret
	UserID         string            `json:"userId,omitempty"`
	Attributes     map[string]string `json:"attributes,omitempty"`
	Duration       int               `json:"duration,omitempty"` // minutes
	Capabilities   []Capability      `json:"capabilities,omitempty"`
	ExpirationTime time.Time         `json:"expirationTime,omitzero"`
}

// ParticipantTokenConfiguration requests a token in CreateStage.
type ParticipantTokenConfiguration struct {
	Duration     *int              `json:"duration,omitempty" shape:"tokenMinutes"` // default 720
	UserID       string            `json:"userId,omitempty" shape:"userID"`
	Attributes   map[string]string `json:"attributes,omitempty" shape:"attributes"`
	Capabilities []Capability      `json:"capabilities,omitempty" shape:"capabilities"` // default both
}

// CreateParticipantTokenInput is the input of CreateParticipantToken.
type CreateParticipantTokenInput struct {
	StageARN     string            `json:"stageArn" shape:"stageARN,required"`
	Duration     *int              `json:"duration,omitempty" shape:"tokenMinutes"` // default 720
	UserID       string            `json:"userId,omitempty" shape:"userID"`
	Attributes   map[string]string `json:"attributes,omitempty" shape:"attributes"`
	Capabilities []Capability      `json:"capabilities,omitempty" shape:"capabilities"` // default both
}

// CreateParticipantTokenOutput is the output of CreateParticipantToken.
type CreateParticipantTokenOutput struct {
	ParticipantToken *ParticipantToken `json:"participantToken,omitempty"`
}

// ExchangedParticipantToken is a token in the event of a token exchange.
type ExchangedParticipantToken struct {
	Capabilities   []Capability      `json:"capabilities,omitempty"`
	Attributes     map[string]string `json:"attributes,omitempty"`
	UserID         string            `json:"userId,omitempty"`
	ExpirationTime time.Time         `json:"expirationTime,omitzero"`
}
