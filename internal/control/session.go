package control

import (
	"context"
	"strconv"
	"time"

	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// GetStageSession returns a session of a stage.
func (p *Plane) GetStageSession(ctx context.Context, _ Caller, in *ivsrealtime.GetStageSessionInput) (out *ivsrealtime.GetStageSessionOutput, err error) {
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		s, err := tx.Session(in.StageARN, in.SessionID)
		if err != nil {
			return err
		}
		out = &ivsrealtime.GetStageSessionOutput{StageSession: &ivsrealtime.StageSession{SessionID: s.ID, StartTime: s.Start, EndTime: s.End}}
		return nil
	})
	return out, err
}

// ListStageSessions lists the sessions of a stage, newest first.
func (p *Plane) ListStageSessions(ctx context.Context, c Caller, in *ivsrealtime.ListStageSessionsInput) (*ivsrealtime.ListStageSessionsOutput, error) {
	q := listQuery{query: query{c, "ListStageSessions", []string{in.StageARN}}, of: in.StageARN, token: in.NextToken, maxResults: in.MaxResults, page: 50}
	all, next, err := list(ctx, p, q, func(tx *store.Tx, page store.Page) ([]store.Session, int64, error) {
		return tx.Sessions(in.StageARN, page)
	})
	return &ivsrealtime.ListStageSessionsOutput{NextToken: next, StageSessions: each(all, func(s *store.Session) ivsrealtime.StageSessionSummary {
		return ivsrealtime.StageSessionSummary{SessionID: s.ID, StartTime: s.Start, EndTime: s.End}
	})}, err
}

// GetParticipant returns a participant of a session.
func (p *Plane) GetParticipant(ctx context.Context, _ Caller, in *ivsrealtime.GetParticipantInput) (out *ivsrealtime.GetParticipantOutput, err error) {
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		participant, err := tx.Participant(store.ParticipantRef{StageARN: in.StageARN, SessionID: in.SessionID, ParticipantID: in.ParticipantID})
		if err != nil {
			return err
		}
		out = &ivsrealtime.GetParticipantOutput{Participant: &participant.Participant}
		return nil
	})
	return out, err
}

// ListParticipants lists the participants of a session, by first join.
func (p *Plane) ListParticipants(ctx context.Context, c Caller, in *ivsrealtime.ListParticipantsInput) (*ivsrealtime.ListParticipantsOutput, error) {
	f := store.ParticipantFilter{UserID: in.FilterByUserID, Published: in.FilterByPublished, State: in.FilterByState, Recording: in.FilterByRecordingState}
	filters := []string{in.StageARN, in.SessionID, strconv.FormatBool(in.FilterByPublished), string(in.FilterByState), string(in.FilterByRecordingState)}
	if in.FilterByUserID != nil {
		filters = append(filters, *in.FilterByUserID)
	}
	q := listQuery{query: query{c, "ListParticipants", filters}, of: in.StageARN, token: in.NextToken, maxResults: in.MaxResults, page: 50}
	all, next, err := list(ctx, p, q, func(tx *store.Tx, page store.Page) ([]store.Participant, int64, error) {
		return tx.Participants(in.StageARN, in.SessionID, f, page)
	})
	return &ivsrealtime.ListParticipantsOutput{NextToken: next, Participants: each(all, func(x *store.Participant) ivsrealtime.ParticipantSummary {
		return ivsrealtime.ParticipantSummary{
			ParticipantID: x.ParticipantID, UserID: x.UserID, State: x.State, FirstJoinTime: x.FirstJoinTime, Published: x.Published,
			RecordingState: x.RecordingState, ReplicationType: x.ReplicationType, ReplicationState: x.ReplicationState,
			SourceStageARN: x.SourceStageARN, SourceSessionID: x.SourceSessionID,
			RedundantIngest: x.RedundantIngest, IngestConfigurationARN: x.IngestConfigurationARN,
		}
	})}, err
}

// ListParticipantEvents lists what happened to a participant in a session, oldest first.
func (p *Plane) ListParticipantEvents(ctx context.Context, c Caller, in *ivsrealtime.ListParticipantEventsInput) (*ivsrealtime.ListParticipantEventsOutput, error) {
	ref := store.ParticipantRef{StageARN: in.StageARN, SessionID: in.SessionID, ParticipantID: in.ParticipantID}
	q := listQuery{query: query{c, "ListParticipantEvents", []string{in.StageARN, in.SessionID, in.ParticipantID}}, of: in.StageARN, token: in.NextToken, maxResults: in.MaxResults, page: 50}
	all, next, err := list(ctx, p, q, func(tx *store.Tx, page store.Page) ([]ivsrealtime.Event, int64, error) {
		return tx.ParticipantEvents(ref, page)
	})
	return &ivsrealtime.ListParticipantEventsOutput{NextToken: next, Events: each(all, func(e *ivsrealtime.Event) ivsrealtime.Event { return *e })}, err
}

// DisconnectParticipant ends a participant's connections and revokes its tokens,
// even if it has not joined: tokens are not stored, so that unknown ids can't be
// told from ids that have not joined yet.
func (p *Plane) DisconnectParticipant(ctx context.Context, _ Caller, in *ivsrealtime.DisconnectParticipantInput) (*ivsrealtime.DisconnectParticipantOutput, error) {
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Stages().Get(in.StageARN); err != nil {
			return err
		}
		if err := detachIngest(tx, in.StageARN, in.ParticipantID); err != nil {
			return err
		}
		return tx.Revoke(in.StageARN, in.ParticipantID, time.Now().Add(token.MaxLifetime+token.Leeway))
	})
	if err != nil {
		return nil, err
	}
	return &ivsrealtime.DisconnectParticipantOutput{}, p.live.Disconnect(ctx, in.StageARN, in.ParticipantID, in.Reason)
}
