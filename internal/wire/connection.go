package wire

// The messages of a connection: an events socket that was opened with a connection
// token and carries several stages. Each stage on it is an attachment, which the client
// names; all other messages have that name beside their type.

// Attach joins a stage, as a socket of the stage's own would.
type Attach struct {
	Token       string `json:"token"`                 // of a participant
	After       uint64 `json:"after,omitempty"`       // sequence of the last message that the client has
	ChangesOnly bool   `json:"changesOnly,omitempty"` // without the whole state after each change
}

// Type implements Payload.
func (Attach) Type() Type { return "ATTACH" }

// Detach leaves an attachment's stage, its media connections included.
type Detach struct{}

// Type implements Payload.
func (Detach) Type() Type { return "DETACH" }

// Attached is the first message of an attachment.
type Attached struct {
	StageID       string `json:"stageId"`
	ParticipantID string `json:"participantId"`
}

// Type implements Payload.
func (Attached) Type() Type { return "ATTACHED" }

// AttachFailed is sent in place of Attached when the stage can't be joined.
type AttachFailed struct {
	Code       string `json:"code"`                 // of the refusal
	Detail     string `json:"detail,omitempty"`     // for people
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds; 0 if trying again is of no use
}

// Type implements Payload.
func (AttachFailed) Type() Type { return "ATTACH_FAILED" }

// Detached is the last message of an attachment that the client detached. Kicked,
// StageDeleted and GoingAway are the last message of others; the connection stays.
type Detached struct{ CloseNotice }

// Type implements Payload.
func (Detached) Type() Type { return "DETACHED" }

// ConnectionClosed is the last message of a connection whose token is no longer good.
// All its stages are left.
type ConnectionClosed struct{ CloseNotice }

// Type implements Payload.
func (ConnectionClosed) Type() Type { return "CONNECTION_CLOSED" }

// ValidAttachment reports whether a client may name an attachment so: 1 to 64 letters,
// digits, - and _.
func ValidAttachment(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// WithAttachment returns a copy of an encoded message with the name of its attachment.
func WithAttachment(name string, message []byte) []byte {
	out := make([]byte, 0, len(message)+len(name)+len(`"attachment":"",`))
	out = append(append(append(out, `{"attachment":"`...), name...), `",`...)
	return append(out, message[1:]...)
}
