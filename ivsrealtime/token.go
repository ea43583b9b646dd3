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
	// The id that the service gave the participant with its token.
	ParticipantID string `json:"participantId,omitempty"`
	Token         string `json:"token,omitempty"` // a secret
	// The id that the application gave the user; the service does not interpret it.
	UserID string `json:"userId,omitempty"`
	// What the application tells all participants about this one.
	Attributes map[string]string `json:"attributes,omitempty"`
	Duration   int               `json:"duration,omitempty"` // minutes
	// What the participant may do: publish, subscribe, or both.
	Capabilities []Capability `json:"capabilities,omitempty"`
	// When the token expires. Who has joined stays.
	ExpirationTime time.Time `json:"expirationTime,omitzero"`
}

// ParticipantTokenConfiguration requests a token in CreateStage.
type ParticipantTokenConfiguration struct {
	Duration *int `json:"duration,omitempty" shape:"tokenMinutes"` // default 720
	// The id that the application gave the user; the service does not interpret it. At most 128
	// characters.
	UserID string `json:"userId,omitempty" shape:"userID"`
	// What the application tells all participants about this one. Keys and values have 1 KB together
	// at most.
	Attributes   map[string]string `json:"attributes,omitempty" shape:"attributes"`
	Capabilities []Capability      `json:"capabilities,omitempty" shape:"capabilities"` // default both
}

// CreateParticipantTokenInput is the input of CreateParticipantToken.
type CreateParticipantTokenInput struct {
	// The ARN of the stage. Required.
	StageARN string `json:"stageArn" shape:"stageARN,required"`
	Duration *int   `json:"duration,omitempty" shape:"tokenMinutes"` // default 720
	// The id that the application gave the user; the service does not interpret it. At most 128
	// characters.
	UserID string `json:"userId,omitempty" shape:"userID"`
	// What the application tells all participants about this one. Keys and values have 1 KB together
	// at most.
	Attributes   map[string]string `json:"attributes,omitempty" shape:"attributes"`
	Capabilities []Capability      `json:"capabilities,omitempty" shape:"capabilities"` // default both
}

// CreateParticipantTokenOutput is the output of CreateParticipantToken.
type CreateParticipantTokenOutput struct {
	// The token; it is not stored and can not be had again.
	ParticipantToken *ParticipantToken `json:"participantToken,omitempty"`
}

// ExchangedParticipantToken is a token in the event of a token exchange.
type ExchangedParticipantToken struct {
	// What the participant may do: publish, subscribe, or both.
	Capabilities []Capability `json:"capabilities,omitempty"`
	// What the application tells all participants about this one.
	Attributes map[string]string `json:"attributes,omitempty"`
	// The id that the application gave the user; the service does not interpret it.
	UserID string `json:"userId,omitempty"`
	// When the token expires. Who has joined stays.
	ExpirationTime time.Time `json:"expirationTime,omitzero"`
}
