package stage

import (
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/sfu"
	"rostrum/internal/wire"
)

// A participant is the presence of one token. It belongs to its session's
// goroutine.
type participant struct {
	id            string
	grant         authority.Grant // of its newest token
	client        Client
	clientUpdates int    // times its client described itself
	order         uint64 // of its join among the others'
	joined        bool
	replica       *replication // nil for a participant with a token of this stage

	requests       int // requests for a connection that are under way
	publishSlots   int // of its own; together they take one of the stage's
	subscribeSlots int // of its own; together they take one of the stage's
	socket         *Socket
	socketLost     bool // the connection of the last one broke, and none has been opened since
	publication    *Connection
	subscriptions  map[string]*Connection // by the publisher's id
	viewer         *sfu.Viewer
	source         *sfu.Publisher   // of a replica, nil while its source does not publish; of a virtual participant
	redundant      *redundantSource // of a virtual participant
	physical       bool             // others see its virtual participant instead
	graceTimer     *time.Timer      // runs when nothing of the above is open but it may come back

	publishing   bool // its media flows
	published    bool // it did once
	layers       []sfu.LayerInfo
	unusedLayers []string // layers that nobody needs; nil until its client was sent some
	audioMuted   bool
	videoStopped bool
	encoded      []byte // its JSON in STAGE_STATE; nil when that has changed
}

// inUse reports whether anything keeps the participant on the stage.
func (p *participant) inUse() bool {
	return p.requests > 0 || p.socket != nil || p.publication != nil || len(p.subscriptions) > 0 || p.replica != nil || p.redundant != nil
}

// stored reports whether the API, events and metrics know of the participant.
func (p *participant) stored() bool { return p.joined && !p.grant.Hidden && p.redundant == nil }

// visible reports whether other participants, and with them compositions, know of it.
func (p *participant) visible() bool { return p.joined && !p.grant.Hidden && !p.physical }

// publisher is what can be subscribed to, or nil.
func (p *participant) publisher() *sfu.Publisher {
	if p.publication != nil {
		return p.publication.publisher
	}
	return p.source
}

// eventSubject is the participant as events name it.
func (p *participant) eventSubject(s *Session) event.Participant {
	e := event.Participant{StageARN: s.stageARN, SessionID: s.id, ID: p.id, UserID: p.grant.UserID}
	if r := p.replica; r != nil {
		e.Source = &event.Source{StageARN: r.key.source, SessionID: r.sourceSession}
	}
	return e
}

// describe is the participant as others see it.
func (p *participant) describe() wire.Participant {
	return wire.Participant{
		ID: p.id, UserID: p.grant.UserID, Attributes: p.attributes(), Capabilities: p.grant.Capabilities(),
		IsPublishing: p.publishing, AudioMuted: p.audioMuted, VideoStopped: p.videoStopped, Replica: p.replica != nil,
	}
}

// attributes is never nil: without any there is an empty object.
func (p *participant) attributes() map[string]string {
	if p.grant.Attributes == nil {
		return map[string]string{}
	}
	return p.grant.Attributes
}

// encode is the participant in STAGE_STATE, encoded once after each change.
func (p *participant) encode() []byte {
	if p.encoded == nil {
		p.encoded = p.describe().Encode()
	}
	return p.encoded
}

func (p *participant) sourceState(s *Session) sourceState {
	return sourceState{s.id, p.grant, p.client, p.publisher(), [2]bool{p.audioMuted, p.videoStopped}, p.layers}
}
