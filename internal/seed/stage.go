package seed

import (
	"context"
	"fmt"

	"rostrum/ivsrealtime"
)

func (a *applier) applyStages(ctx context.Context, f *File) error {
	for i := range f.Stages {
		if err := a.applyStage(ctx, i, &f.Stages[i]); err != nil {
			return err
		}
	}
	return nil
}

// applyStage makes a stage and its tokens.
func (a *applier) applyStage(ctx context.Context, index int, s *Stage) error {
	in := s.CreateStageInput
	in.ParticipantTokenConfigurations = nil // made for existing stages too
	e := entry{kind: stageKind, index: index, name: in.Name, input: &s.CreateStageInput, tags: in.Tags, given: map[string]any{}}
	if r := in.AutoParticipantRecordingConfiguration; r != nil && r.StorageConfigurationARN != nil {
		arn, err := a.reference(e, "autoParticipantRecordingConfiguration.storageConfigurationArn", *r.StorageConfigurationARN, storageKind)
		if err != nil {
			return err
		}
		r.StorageConfigurationARN = &arn
		e.given["autoParticipantRecordingConfiguration"] = r
	}
	e.create = func(ctx context.Context) (string, error) {
		out, err := a.client.CreateStage(ctx, &in)
		if err != nil {
			return "", err
		}
		return out.Stage.ARN, nil
	}
	e.get = func(ctx context.Context, arn string) (any, error) { return a.stage(ctx, arn) }
	e.change = func(ctx context.Context, arn string) error {
		_, err := a.client.UpdateStage(ctx, &ivsrealtime.UpdateStageInput{ARN: arn, AutoParticipantRecordingConfiguration: in.AutoParticipantRecordingConfiguration})
		return err
	}
	arn, err := a.ensure(ctx, e)
	if err != nil {
		return err
	}
	made, err := a.stage(ctx, arn)
	if err != nil {
		return err
	}
	result := &StageResult{ARN: arn, Endpoints: made.Endpoints, ParticipantTokens: []ivsrealtime.ParticipantToken{}}
	a.result.Stages[in.Name] = result
	for i, t := range s.ParticipantTokenConfigurations {
		token, err := newToken(ctx, a.client, arn, t)
		if err != nil {
			return fmt.Errorf("%s: participantTokenConfigurations[%d]: %w", e.path(), i, err)
		}
		result.ParticipantTokens = append(result.ParticipantTokens, *token)
	}
	return nil
}

func (a *applier) stage(ctx context.Context, arn string) (*ivsrealtime.Stage, error) {
	out, err := a.client.GetStage(ctx, &ivsrealtime.GetStageInput{ARN: arn})
	if err != nil {
		return nil, err
	}
	return out.Stage, nil
}

func newToken(ctx context.Context, client *ivsrealtime.Client, stage string, t ivsrealtime.ParticipantTokenConfiguration) (*ivsrealtime.ParticipantToken, error) {
	out, err := client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
		StageARN: stage, UserID: t.UserID, Attributes: t.Attributes, Duration: t.Duration, Capabilities: t.Capabilities,
	})
	if err != nil {
		return nil, err
	}
	return out.ParticipantToken, nil
}
