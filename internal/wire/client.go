package wire

// Ping asks for a Pong.
type Ping struct{}

// Type implements Payload.
func (Ping) Type() Type { return "PING" }

// Mute reports that the participant mutes or unmutes its media. What is nil
// stays as it is.
type Mute struct {
	AudioMuted   *bool `json:"audioMuted,omitempty"`
	VideoStopped *bool `json:"videoStopped,omitempty"`
}

// Type implements Payload.
func (Mute) Type() Type { return "MUTE" }

// ClientInfo describes the participant's program, for GetParticipant.
type ClientInfo struct {
	BrowserName    string `json:"browserName,omitempty"`
	BrowserVersion string `json:"browserVersion,omitempty"`
	OSName         string `json:"osName,omitempty"`
	OSVersion      string `json:"osVersion,omitempty"`
	SDKVersion     string `json:"sdkVersion,omitempty"`
}

// Type implements Payload.
func (ClientInfo) Type() Type { return "CLIENT_INFO" }

// ExchangeToken replaces the participant's token.
type ExchangeToken struct {
	Token string `json:"token"`
}

// Type implements Payload.
func (ExchangeToken) Type() Type { return "EXCHANGE_TOKEN" }
