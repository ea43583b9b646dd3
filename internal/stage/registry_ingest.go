package stage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// An IngestError refuses an encoder, or ends its stream. Code is that of the
// participant's history; empty where the history has none.
type IngestError struct {
	Code   ivsrealtime.EventErrorCode
	Detail string // for the person at the encoder
	Who    string // for the operator: the ingest configuration and its stage; empty if the key names none

	// UnknownKey says that the stream key is nobody's: it may be a guess.
	UnknownKey bool
}

func (e *IngestError) Error() string { return e.Detail }

// ingestSilence is how long an encoder may send nothing before another with the
// same key may replace it: after a network failure an encoder connects again
// before its old connection is known to be dead.
const ingestSilence = 2 * time.Second

// An IngestSource is an encoder that asks to publish.
type IngestSource struct {
	Key    string
	Secure bool // it came by RTMPS
	Client Client
	Labels []string // of the video's layers; none for one
}

// Ingest begins to publish what an encoder sends, as the participant of the
// ingest configuration that its stream key belongs to. Errors are *IngestError,
// or a failure of the server.
func (r *Registry) Ingest(ctx context.Context, from IngestSource) (*IngestStream, error) {
	config, participantID, err := r.findIngest(ctx, from.Key)
	if err != nil {
		return nil, err
	}
	g, err := ingestGrant(config, participantID)
	if err != nil {
		return nil, err
	}
	who := describeIngest(config)
	refuse := func(code ivsrealtime.EventErrorCode, format string, args ...any) error {
		r.recordIngestRefusal(g, code)
		return &IngestError{Code: code, Who: who, Detail: fmt.Sprintf(format, args...)}
	}
	if config.IngestProtocol == ivsrealtime.IngestRTMPS && !from.Secure {
		return nil, refuse(ivsrealtime.ErrorInvalidProtocol, "this stream key is for RTMPS: use rtmps://, or an ingest configuration with the protocol RTMP")
	}
	if !r.dropSilentIngest(g) {
		return nil, refuse(ivsrealtime.ErrorReuseOfStreamKey, "another encoder publishes with this stream key: stop it, or use another key")
	}
	began := time.Now()
	if err := r.acquireIngest(ctx, config); err != nil {
		if errors.Is(err, ivsrealtime.Conflict) {
			return nil, refuse(ivsrealtime.ErrorReuseOfStreamKey, "another encoder publishes with this stream key: stop it, or use another key")
		}
		return nil, err
	}
	r.allowAgain(g.StageARN, participantID, began)
	if config.RedundantIngest {
		r.allowAgain(g.StageARN, config.ParticipantID, began)
	}
	stream := &IngestStream{who: who, labels: from.Labels}
	stream.lastFrame.Store(time.Now().UnixNano())
	err = r.withSession(g, func(s *Session) (err error) {
		stream.connection, err = s.publishIngest(g, config, stream, from)
		return err
	})
	if err == nil {
		return stream, nil
	}
	r.endIngest(config.ARN)
	err = errors.Join(err, r.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return r.releaseIngest(tx, config.ARN) }))
	if refusal, ok := errors.AsType[*authority.Refusal](err); ok && refusal.Kind != authority.Internal {
		why := &IngestError{Who: who, Detail: refusal.Detail} // recorded where it was decided
		if refusal.Kind == authority.Crowded {
			why.Code = ivsrealtime.ErrorQuotaExceeded
		}
		return nil, why
	}
	return nil, err
}

// findIngest finds the ingest configuration of a stream key, and the participant
// that publishes with it.
func (r *Registry) findIngest(ctx context.Context, key string) (config *ivsrealtime.IngestConfiguration, participantID string, err error) {
	err = r.store.Read(ctx, func(tx *store.Tx) (err error) {
		config, err = tx.IngestByStreamKey(key)
		return err
	})
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil, "", r.refuseUnknownKey(ctx, key)
	}
	if err != nil {
		return nil, "", fmt.Errorf("find the stream key: %w", err)
	}
	if config.StageARN == "" {
		return nil, "", &IngestError{Code: ivsrealtime.ErrorInvalidStreamKey, Who: config.ARN,
			Detail: "the ingest configuration has no stage: set stageArn with UpdateIngestConfiguration"}
	}
	participantID = config.ParticipantID
	if config.RedundantIngest && config.StreamKey == key {
		return nil, "", &IngestError{Code: ivsrealtime.ErrorInvalidStreamKey, Who: config.ARN,
			Detail: "the ingest configuration is redundant: use the stream keys in its redundantIngestCredentials"}
	}
	for _, c := range config.RedundantIngestCredentials {
		if c.StreamKey == key {
			participantID = c.ParticipantID
		}
	}
	return config, participantID, nil
}

// describeIngest names an ingest configuration and its stage, for the operator.
func describeIngest(c *ivsrealtime.IngestConfiguration) string {
	if c.StageARN == "" {
		return c.ARN
	}
	return c.ARN + " of " + c.StageARN
}

// refuseUnknownKey refuses a stream key that is nobody's. The configuration's id is part of a key:
// the error names the one that it looks like, and the history of its participant has the refusal.
func (r *Registry) refuseUnknownKey(ctx context.Context, key string) *IngestError {
	why := &IngestError{Code: ivsrealtime.ErrorInvalidStreamKey, UnknownKey: true, Detail: "unknown stream key: copy it again from the ingest configuration"}
	parts := strings.SplitN(key, "_", 5) // rt_<account>_<region>_<id>_<secret>
	if len(parts) != 5 || parts[0] != "rt" {
		return why
	}
	name := arn.ARN{Account: parts[1], Region: parts[2], Type: arn.IngestConfiguration, ID: parts[3]}
	if !name.HasNewForm() {
		return why
	}
	var config *ivsrealtime.IngestConfiguration
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		config, err = tx.Ingests().Get(name.String())
		return err
	})
	switch {
	case errors.Is(err, ivsrealtime.ResourceNotFound):
		why.Who = name.String() + ", which does not exist"
		return why
	case err != nil:
		return why
	}
	why.Who = describeIngest(config)
	if config.StageARN == "" {
		return why
	}
	if g, err := ingestGrant(config, config.ParticipantID); err == nil {
		r.recordIngestRefusal(g, why.Code)
	}
	return why
}

// ingestGrant is what an ingest configuration allows to its participant.
func ingestGrant(c *ivsrealtime.IngestConfiguration, participantID string) (authority.Grant, error) {
	stage, err := arn.Parse(c.StageARN)
	if err != nil {
		return authority.Grant{}, fmt.Errorf("ingest configuration %s: %w", c.ARN, err)
	}
	return authority.Grant{Account: stage.Account, Region: stage.Region, Claims: token.Claims{
		ParticipantID: participantID, StageARN: c.StageARN, StageID: stage.ID, UserID: c.UserID, Attributes: c.Attributes,
		Publish: true, IssuedAt: time.Now().Truncate(time.Second),
	}}, nil
}

// recordIngestRefusal adds to the history of the participant. An encoder is usually the first
// on its stage: where there is no session, one exists for the attempt.
func (r *Registry) recordIngestRefusal(g authority.Grant, code ivsrealtime.EventErrorCode) {
	err := r.withSession(g, func(s *Session) error {
		return s.call(func() error {
			s.recordFailure(g, ivsrealtime.EventPublishError, "", code)
			return nil
		})
	})
	if err != nil {
		r.cfg.Log.Error("store the refusal of an encoder", "stage", g.StageARN, "participant", g.ParticipantID, "code", code, "error", err)
	}
}

// dropSilentIngest ends the participant's stream if it is silent, and reports
// whether the key is free on this node.
func (r *Registry) dropSilentIngest(g authority.Grant) (free bool) {
	s := r.findSession(g.StageARN)
	if s == nil {
		return true
	}
	err := s.callAndCommit(func() error {
		p := s.participants[g.ParticipantID]
		if p == nil || p.publication == nil || p.publication.stream == nil {
			free = true
		} else if last := p.publication.stream.lastFrame.Load(); time.Since(time.Unix(0, last)) >= ingestSilence {
			s.closeConnection(p.publication, "another encoder took over")
			free = true
		}
		return nil
	})
	return free || errors.Is(err, errSessionEnded)
}

// acquireIngest makes an ingest configuration active. The error is a conflict if another node
// has it, or it was moved to another stage meanwhile. Each call needs one of endIngest.
func (r *Registry) acquireIngest(ctx context.Context, config *ivsrealtime.IngestConfiguration) error {
	r.mu.Lock()
	r.ingests[config.ARN]++
	r.mu.Unlock()
	err := r.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.Hold(config.ARN, r.nodeID); err != nil {
			return err
		}
		_, err := tx.Ingests().Update(config.ARN, func(c *ivsrealtime.IngestConfiguration) error {
			if c.StageARN != config.StageARN {
				return ivsrealtime.Errorf(ivsrealtime.Conflict, "%s was moved to another stage", c.ARN)
			}
			c.State = ivsrealtime.IngestActive
			return nil
		})
		return err
	})
	if err != nil {
		r.endIngest(config.ARN)
	}
	return err
}

// endIngest says that a stream of an ingest configuration has ended; releaseIngest stores it.
func (r *Registry) endIngest(config string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ingests[config]--; r.ingests[config] == 0 {
		delete(r.ingests, config)
	}
}

// releaseIngest makes an ingest configuration inactive, unless another stream of it is live:
// of redundant ingest, or one that has just begun.
func (r *Registry) releaseIngest(tx *store.Tx, config string) error {
	r.mu.Lock()
	live := r.ingests[config] > 0
	r.mu.Unlock()
	if live {
		return nil
	}
	return deactivateIngest(tx, config, r.nodeID)
}

// deactivateIngest ends a node's hold of an ingest configuration. One that was deleted, or
// that the node does not hold, is left alone.
func deactivateIngest(tx *store.Tx, config, nodeID string) error {
	held, err := tx.Release(config, nodeID)
	if err != nil || !held {
		return err
	}
	_, err = tx.Ingests().Update(config, func(c *ivsrealtime.IngestConfiguration) error {
		c.State = ivsrealtime.IngestInactive
		return nil
	})
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil
	}
	return err
}

// deactivateIngestsOf makes the ingest configurations inactive that a dead node held.
func (r *Registry) deactivateIngestsOf(ctx context.Context, nodeID string) error {
	var held []string
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		held, err = tx.Held(nodeID)
		return err
	})
	for _, name := range held {
		if a, parsed := arn.Parse(name); parsed == nil && a.Type == arn.IngestConfiguration {
			err = errors.Join(err, r.store.Write(ctx, func(tx *store.Tx) error { return deactivateIngest(tx, name, nodeID) }))
		}
	}
	return err
}

// publishIngest makes an encoder's stream the publication of its participant.
func (s *Session) publishIngest(g authority.Grant, config *ivsrealtime.IngestConfiguration, stream *IngestStream, from IngestSource) (*Connection, error) {
	c := &Connection{id: arn.NewSecret(24), session: s, ingestARN: config.ARN, stream: stream, protocol: ivsrealtime.ProtocolRTMP}
	if from.Secure {
		c.protocol = ivsrealtime.ProtocolRTMPS
	}
	var err error
	if c.virtual, err = virtualGrant(config); err != nil {
		return nil, err
	}
	router := s.router
	err = s.call(func() error {
		if err := s.beginPublish(c, g); err != nil {
			return err
		}
		if c.owner.physical = c.virtual != nil; c.owner.physical {
			router = s.physicalRouter()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	publisher, err := router.PublishFrames(s.publishConfig(c), from.Labels)
	c.publisher = publisher
	if err != nil {
		refusal, code := offerRefusal(err, ivsrealtime.ErrorInternalServer)
		s.post(func() { s.abortPublish(c, code) })
		return nil, refusal
	}
	return c, s.admit(c, from.Client)
}
