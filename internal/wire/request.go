package wire

// The requests of participants about media connections, and their replies. Each is what
// WHIP or WHEP has as an HTTP request: package signaling carries out both by the same
// functions. A request has an id, which the client chooses and the reply repeats.

// A Request is a payload that is answered with a Reply.
type Request interface {
	Payload
	isRequest()
}

// Publish offers media to the stage: POST to the WHIP endpoint.
type Publish struct {
	Offer string `json:"offer"` // SDP
}

// Type implements Payload.
func (Publish) Type() Type { return "PUBLISH" }

// Subscribe offers to receive a publisher's media: POST to the WHEP endpoint.
type Subscribe struct {
	ParticipantID string `json:"participantId,omitempty"` // of the publisher
	Place         int    `json:"place,omitempty"`         // from 1, among the other publishers of the state: in place of an id that the client was not told yet
	Offer         string `json:"offer"`                   // SDP
}

// Type implements Payload.
func (Subscribe) Type() Type { return "SUBSCRIBE" }

// Patch adds candidates to a connection or restarts its ICE: PATCH (RFC 9725 §4.3).
type Patch struct {
	Connection string `json:"connection"`        // of the reply to Publish or Subscribe
	Fragment   string `json:"fragment"`          // a trickle-ice-sdpfrag (RFC 8840 §9)
	IfMatch    string `json:"ifMatch,omitempty"` // the ETag of the ICE session, or * to restart it
}

// Type implements Payload.
func (Patch) Type() Type { return "PATCH" }

// SelectLayer changes what a receiving connection should carry. What is left out stays as
// it is.
type SelectLayer struct {
	Connection string  `json:"connection"`      // of the reply to Subscribe
	Label      *string `json:"label,omitempty"` // of the layer; "auto" lets the server choose
	Video      *bool   `json:"video,omitempty"` // whether video should flow
	Audio      *bool   `json:"audio,omitempty"`
}

// Type implements Payload.
func (SelectLayer) Type() Type { return "SELECT_LAYER" }

// End ends a connection: DELETE.
type End struct {
	Connection string `json:"connection"` // of the reply to Publish or Subscribe
}

// Type implements Payload.
func (End) Type() Type { return "END" }

func (Publish) isRequest()     {}
func (Subscribe) isRequest()   {}
func (Patch) isRequest()       {}
func (SelectLayer) isRequest() {}
func (End) isRequest()         {}

// A Reply is the result of a request, or why it was refused. Which fields it has depends on
// the request.
type Reply struct {
	Connection    string      `json:"connection,omitempty"`    // Publish, Subscribe: names the connection in later requests
	ParticipantID string      `json:"participantId,omitempty"` // Subscribe with a place: the publisher there
	Location      string      `json:"location,omitempty"`      // Publish, Subscribe: the connection's URL, relative to whip_url
	ETag          string      `json:"etag,omitempty"`          // Publish, Subscribe, Patch: of the ICE session
	Answer        string      `json:"answer,omitempty"`        // Publish, Subscribe: SDP
	Fragment      string      `json:"fragment,omitempty"`      // Patch, if ICE was restarted
	ICEServers    []ICEServer `json:"iceServers,omitempty"`    // Publish, Subscribe
	Layer         *Flow       `json:"layer,omitempty"`         // SelectLayer: what flows now
	Error         *Problem    `json:"error,omitempty"`         // why the request was refused; then there is nothing else
}

// Type implements Payload.
func (Reply) Type() Type { return "REPLY" }

// An ICEServer is a STUN or TURN server, with credentials if it needs them.
type ICEServer struct {
	URL        string `json:"urls"` // as RTCIceServer has it
	Username   string `json:"username,omitempty"`
	Credential string `json:"credential,omitempty"`
}

// A Flow describes what a receiving connection carries now.
type Flow struct {
	Label     string `json:"label"`            // of the layer; "" when there is only one, or none
	Preferred string `json:"wished,omitempty"` // of the preferred layer; "" lets the bandwidth decide
	Video     bool   `json:"video"`            // whether video flows
	Audio     bool   `json:"audio"`
	Width     int    `json:"width,omitempty"`
	Height    int    `json:"height,omitempty"`
	Bitrate   int    `json:"bitrate,omitempty"` // bits a second
	Reason    string `json:"reason,omitempty"`  // why video doesn't flow
}

// A Problem is a refusal as a problem document (RFC 9457).
type Problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"` // of HTTP
	Detail     string `json:"detail,omitempty"`
	Code       string `json:"code"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds; over HTTP it is the header Retry-After
}

// ValidID reports whether a client may choose the id for a request: 1 to 64 bytes.
func ValidID(id string) bool { return id != "" && len(id) <= 64 }
