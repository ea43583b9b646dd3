package stage

import (
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/wire"
)

// Quality takes what clients report about their media, and what happens to their connections.
// Its methods do not block.
type Quality interface {
	Report(of Reporter, q wire.Quality)
	Record(of Reporter, c Change)
}

// A Reporter is the participant whose client reports.
type Reporter struct{ StageARN, SessionID, ParticipantID string }

// A Change is what happened to a participant's connections or to the video that it receives.
type Change struct {
	At          time.Time
	Kind        ChangeKind
	PublisherID string // of what is received; "" for what the participant publishes
	Detail      string // label of the layer; why there is no video; which connection, or why it ended
}

// ChangeKind is a kind of Change.
type ChangeKind string

// The kinds are stored.
const (
	ChangeLayer       ChangeKind = "layer"       // another layer is sent to the participant
	ChangePaused      ChangeKind = "paused"      // no video is sent to the participant
	ChangeLost        ChangeKind = "lost"        // a media connection ended without a goodbye, or was never made
	ChangeSocketLost  ChangeKind = "socket-lost" // as the events socket did
	ChangeReconnected ChangeKind = "reconnected"
)

// By what a participant connected again.
const (
	reconnectedICE    = "an ICE restart"
	reconnectedMedia  = "a new media connection"
	reconnectedSocket = "a new events socket"
)

// reportQuality passes on what a client reports.
func (s *Session) reportQuality(sock *Socket, q wire.Quality) {
	if p := s.sockets.open[sock]; p != nil && p.stored() {
		s.registry.cfg.Quality.Report(Reporter{s.stageARN, s.id, p.id}, q)
	}
}

// recordChange records what happened to a participant that is not hidden.
func (s *Session) recordChange(p *participant, kind ChangeKind, publisherID, detail string) {
	if q := s.registry.cfg.Quality; q != nil && p.stored() {
		q.Record(Reporter{s.stageARN, s.id, p.id}, Change{time.Now(), kind, publisherID, detail})
	}
}

// recordLayer records which video a subscription carries from now on.
func (s *Session) recordLayer(c *Connection, e sfu.LayerSelected) {
	switch {
	case e.Kind != media.Video:
	case e.Paused:
		s.recordChange(c.owner, ChangePaused, c.remote, string(e.Reason))
	default:
		s.recordChange(c.owner, ChangeLayer, c.remote, e.Layer)
	}
}

// recordLost records the end of a media connection that nobody asked for.
func (s *Session) recordLost(c *Connection, cause sfu.Cause) {
	switch cause {
	case sfu.CauseLost, sfu.CauseNeverConnected, sfu.CauseHandshakeFailed, sfu.CauseFault:
		s.recordChange(c.owner, ChangeLost, c.remote, string(cause))
	}
}
