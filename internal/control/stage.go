package control

import (
	"context"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// CreateStage creates a stage, and the requested participant tokens.
func (p *Plane) CreateStage(ctx context.Context, c Caller, in *ivsrealtime.CreateStageInput) (*ivsrealtime.CreateStageOutput, error) {
	s := &ivsrealtime.Stage{
		ARN:                                   arn.New(arn.Stage, c.Account, c.Region).String(),
		Name:                                  in.Name,
		Tags:                                  tagsOf(in.Tags),
		AutoParticipantRecordingConfiguration: recordingDefaults(in.AutoParticipantRecordingConfiguration),
	}
	const storage = "autoParticipantRecordingConfiguration.storageConfigurationArn"
	if err := checkRecording(c, "CreateStage", in.AutoParticipantRecordingConfiguration); err != nil {
		return nil, asValidationError(storage, err)
	}
	out := &ivsrealtime.CreateStageOutput{Stage: s}
	for _, want := range in.ParticipantTokenConfigurations {
		t, err := p.issue(s.ARN, want)
		if err != nil {
			return nil, err
		}
		out.ParticipantTokens = append(out.ParticipantTokens, *t)
	}
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		return create(c, tx.Stages(), s, p.limits.Stages, "stages")
	})
	if err != nil {
		return nil, asValidationError(storage, err)
	}
	s.Endpoints = p.endpoints()
	return out, nil
}

// create stores a new resource, within the caller's quota.
func create[T any](c Caller, kind store.Resources[T], doc *T, max int, what string) error {
	if err := kind.Create(doc); err != nil {
		return err
	}
	n, err := kind.Count(c.owner())
	if err != nil {
		return err
	}
	return checkQuota(n-1, max, what) // n has the new one: concurrent requests can't exceed the quota
}

// endpoints returns the endpoints, which all stages share.
func (p *Plane) endpoints() *ivsrealtime.StageEndpoints {
	e := p.authority.Endpoints()
	return &e
}

// checkRecording checks the rules of a recording configuration that its shape
// does not have.
func checkRecording(c Caller, operation string, in *ivsrealtime.AutoParticipantRecordingConfiguration) error {
	if in == nil {
		return nil
	}
	if name := *in.StorageConfigurationARN; name != "" {
		if err := checkScope(c, operation, name); err != nil {
			return err
		}
	}
	// The configuration of a response, which has the interval, is valid.
	if t := in.ThumbnailConfiguration; t != nil && *or(t.TargetIntervalSeconds, defaultThumbnailSeconds) != defaultThumbnailSeconds && t.RecordingMode != ivsrealtime.ThumbnailInterval {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed,
			"autoParticipantRecordingConfiguration.thumbnailConfiguration.targetIntervalSeconds is given, but recordingMode is not INTERVAL")
	}
	return nil
}

// GetStage shows a stage.
func (p *Plane) GetStage(ctx context.Context, _ Caller, in *ivsrealtime.GetStageInput) (*ivsrealtime.GetStageOutput, error) {
	s, err := get(ctx, p, (*store.Tx).Stages, in.ARN)
	if err != nil {
		return nil, err
	}
	s.Endpoints = p.endpoints()
	return &ivsrealtime.GetStageOutput{Stage: s}, nil
}

// get reads one resource.
func get[T any](ctx context.Context, p *Plane, kind func(*store.Tx) store.Resources[T], name string) (doc *T, err error) {
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		doc, err = kind(tx).Get(name)
		return err
	})
	return doc, err
}

// UpdateStage changes a stage's name or its recording configuration. The latter
// can't change while a participant is recorded.
func (p *Plane) UpdateStage(ctx context.Context, c Caller, in *ivsrealtime.UpdateStageInput) (*ivsrealtime.UpdateStageOutput, error) {
	if err := checkRecording(c, "UpdateStage", in.AutoParticipantRecordingConfiguration); err != nil {
		return nil, err
	}
	var s *ivsrealtime.Stage
	err := p.store.Write(ctx, func(tx *store.Tx) (err error) {
		s, err = tx.Stages().Update(in.ARN, func(s *ivsrealtime.Stage) error {
			if in.Name != nil {
				s.Name = *in.Name
			}
			if in.AutoParticipantRecordingConfiguration == nil {
				return nil
			}
			if err := notRecording(tx, s); err != nil {
				return err
			}
			s.AutoParticipantRecordingConfiguration = recordingDefaults(in.AutoParticipantRecordingConfiguration)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Endpoints = p.endpoints()
	return &ivsrealtime.UpdateStageOutput{Stage: s}, nil
}

// notRecording returns a ConflictException while a participant is recorded.
func notRecording(tx *store.Tx, s *ivsrealtime.Stage) error {
	if s.ActiveSessionID == "" {
		return nil
	}
	for _, state := range []ivsrealtime.RecordingState{ivsrealtime.RecordingStarting, ivsrealtime.RecordingActive, ivsrealtime.RecordingStopping} {
		running, _, err := tx.Participants(s.ARN, s.ActiveSessionID, store.ParticipantFilter{Recording: state}, store.Page{Limit: 1})
		if err != nil {
			return err
		}
		if len(running) > 0 {
			return ivsrealtime.Errorf(ivsrealtime.Conflict, "autoParticipantRecordingConfiguration cannot change while participant %s is recorded", running[0].ParticipantID)
		}
	}
	return nil
}

// DeleteStage deletes a stage and disconnects all its participants. Ingest
// configurations of the stage have none afterwards.
func (p *Plane) DeleteStage(ctx context.Context, c Caller, in *ivsrealtime.DeleteStageInput) (*ivsrealtime.DeleteStageOutput, error) {
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		if err := detachIngests(tx, in.ARN, func(*ivsrealtime.IngestConfiguration) bool { return true }); err != nil {
			return err
		}
		return tx.Stages().Delete(in.ARN)
	})
	if err != nil {
		return nil, err
	}
	err = p.live.StageDeleted(ctx, in.ARN)
	p.compositions.StageDeleted(in.ARN)
	return &ivsrealtime.DeleteStageOutput{}, err
}

// ListStages lists the caller's stages, oldest first.
func (p *Plane) ListStages(ctx context.Context, c Caller, in *ivsrealtime.ListStagesInput) (*ivsrealtime.ListStagesOutput, error) {
	q := listQuery{query: query{caller: c, operation: "ListStages"}, token: in.NextToken, maxResults: in.MaxResults, page: 50}
	all, next, err := list(ctx, p, q, resources((*store.Tx).Stages, c, store.Filter{}))
	return &ivsrealtime.ListStagesOutput{NextToken: next, Stages: each(all, func(s *ivsrealtime.Stage) ivsrealtime.StageSummary {
		return ivsrealtime.StageSummary{ARN: s.ARN, Name: s.Name, ActiveSessionID: s.ActiveSessionID, Tags: s.Tags}
	})}, err
}
