package control

import (
	"context"
	"errors"
	"slices"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// CreateIngestConfiguration creates a stream key and the participant that
// publishes with it. The key can be used once the configuration has a stage.
func (p *Plane) CreateIngestConfiguration(ctx context.Context, c Caller, in *ivsrealtime.CreateIngestConfigurationInput) (*ivsrealtime.CreateIngestConfigurationOutput, error) {
	if err := checkOptionalScope(c, "CreateIngestConfiguration", in.StageARN); err != nil {
		return nil, asValidationError("stageArn", err)
	}
	name := arn.New(arn.IngestConfiguration, c.Account, c.Region)
	i := &ivsrealtime.IngestConfiguration{
		Name: in.Name, ARN: name.String(), IngestProtocol: in.IngestProtocol, StreamKey: streamKey(name), StageARN: in.StageARN,
		ParticipantID: arn.NewID(), State: ivsrealtime.IngestInactive, UserID: in.UserID,
		Attributes: in.Attributes, Tags: tagsOf(in.Tags),
	}
	makeRedundant(i, name, in.RedundantIngest)
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		return create(c, tx.Ingests(), i, p.limits.IngestConfigurations, "ingest configurations")
	})
	return &ivsrealtime.CreateIngestConfigurationOutput{IngestConfiguration: i}, asValidationError("stageArn", err)
}

// checkOptionalScope is checkScope for a stage that may be absent.
func checkOptionalScope(c Caller, operation, stageARN string) error {
	if stageARN == "" {
		return nil
	}
	return checkScope(c, operation, stageARN)
}

// streamKey returns a new key: rt_<account>_<region>_<id>_<secret>, as the service has it.
func streamKey(a arn.ARN) string {
	const secretLength = 32
	return "rt_" + a.Account + "_" + a.Region + "_" + a.ID + "_" + arn.NewSecret(secretLength)
}

// makeRedundant adds or removes the two streams of redundant ingest.
func makeRedundant(i *ivsrealtime.IngestConfiguration, name arn.ARN, redundant bool) {
	if redundant == i.RedundantIngest {
		return
	}
	i.RedundantIngest, i.RedundantIngestCredentials = redundant, nil
	for redundant && len(i.RedundantIngestCredentials) < 2 {
		i.RedundantIngestCredentials = append(i.RedundantIngestCredentials,
			ivsrealtime.RedundantIngestCredential{ParticipantID: arn.NewID(), StreamKey: streamKey(name)})
	}
}

// GetIngestConfiguration returns an ingest configuration with its stream key.
func (p *Plane) GetIngestConfiguration(ctx context.Context, _ Caller, in *ivsrealtime.GetIngestConfigurationInput) (*ivsrealtime.GetIngestConfigurationOutput, error) {
	i, err := get(ctx, p, (*store.Tx).Ingests, in.ARN)
	return &ivsrealtime.GetIngestConfigurationOutput{IngestConfiguration: i}, err
}

// UpdateIngestConfiguration moves an inactive ingest configuration to another
// stage, or to none.
func (p *Plane) UpdateIngestConfiguration(ctx context.Context, c Caller, in *ivsrealtime.UpdateIngestConfigurationInput) (*ivsrealtime.UpdateIngestConfigurationOutput, error) {
	if in.StageARN != nil {
		if err := checkOptionalScope(c, "UpdateIngestConfiguration", *in.StageARN); err != nil {
			return nil, err
		}
	}
	name, err := arn.Parse(in.ARN)
	if err != nil {
		return nil, err
	}
	var i *ivsrealtime.IngestConfiguration
	err = p.store.Write(ctx, func(tx *store.Tx) (err error) {
		i, err = tx.Ingests().Update(in.ARN, func(i *ivsrealtime.IngestConfiguration) error {
			if i.State == ivsrealtime.IngestActive {
				return ivsrealtime.Errorf(ivsrealtime.Conflict, "%s is active; stop publishing first", in.ARN)
			}
			if in.StageARN != nil {
				i.StageARN = *in.StageARN
			}
			makeRedundant(i, name, in.RedundantIngest)
			return nil
		})
		return err
	})
	return &ivsrealtime.UpdateIngestConfigurationOutput{IngestConfiguration: i}, err
}

// DeleteIngestConfiguration deletes an ingest configuration. An active one needs
// force; its publisher is disconnected.
func (p *Plane) DeleteIngestConfiguration(ctx context.Context, _ Caller, in *ivsrealtime.DeleteIngestConfigurationInput) (*ivsrealtime.DeleteIngestConfigurationOutput, error) {
	var was *ivsrealtime.IngestConfiguration
	err := p.store.Write(ctx, func(tx *store.Tx) (err error) {
		if was, err = tx.Ingests().Get(in.ARN); err != nil {
			return err
		}
		if was.State == ivsrealtime.IngestActive && !in.Force {
			return ivsrealtime.Errorf(ivsrealtime.Conflict, "%s is active; stop publishing first, or delete with force", in.ARN)
		}
		return tx.Ingests().Delete(in.ARN)
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ingestParticipants(was) {
		if was.State == ivsrealtime.IngestActive {
			err = errors.Join(err, p.live.Disconnect(ctx, was.StageARN, id, "ingest configuration deleted"))
		}
	}
	return &ivsrealtime.DeleteIngestConfigurationOutput{}, err
}

// ingestParticipants are the participants that publish by an ingest configuration.
func ingestParticipants(i *ivsrealtime.IngestConfiguration) []string {
	all := []string{i.ParticipantID}
	for _, c := range i.RedundantIngestCredentials {
		all = append(all, c.ParticipantID)
	}
	return all
}

// detachIngest takes the stage from the ingest configuration of a participant that is
// disconnected: its encoder may not come back by itself. Other participants have none.
func detachIngest(tx *store.Tx, stageARN, participantID string) error {
	return detachIngests(tx, stageARN, func(i *ivsrealtime.IngestConfiguration) bool {
		return slices.Contains(ingestParticipants(i), participantID)
	})
}

// detachIngests takes the stage from its ingest configurations that match.
func detachIngests(tx *store.Tx, stageARN string, match func(*ivsrealtime.IngestConfiguration) bool) error {
	stage, err := arn.Parse(stageARN)
	if err != nil {
		return err
	}
	var matching []string
	for after := int64(0); ; {
		some, next, err := tx.Ingests().List(store.Owner{Account: stage.Account, Region: stage.Region}, store.Filter{Uses: []string{stageARN}}, store.Page{After: after, Limit: 100})
		if err != nil {
			return err
		}
		for _, i := range some {
			if match(&i) {
				matching = append(matching, i.ARN)
			}
		}
		if after = next; next == 0 {
			break
		}
	}
	for _, name := range matching {
		if _, err := tx.Ingests().Update(name, func(i *ivsrealtime.IngestConfiguration) error {
			i.StageARN = ""
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// ListIngestConfigurations lists the caller's ingest configurations, oldest first.
func (p *Plane) ListIngestConfigurations(ctx context.Context, c Caller, in *ivsrealtime.ListIngestConfigurationsInput) (*ivsrealtime.ListIngestConfigurationsOutput, error) {
	if err := checkOptionalScope(c, "ListIngestConfigurations", in.FilterByStageARN); err != nil && !errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil, err
	}
	f := store.Filter{State: string(in.FilterByState)}
	if in.FilterByStageARN != "" {
		f.Uses = []string{in.FilterByStageARN}
	}
	q := listQuery{query: query{c, "ListIngestConfigurations", []string{in.FilterByStageARN, f.State}}, token: in.NextToken, maxResults: in.MaxResults, page: 50}
	all, next, err := list(ctx, p, q, resources((*store.Tx).Ingests, c, f))
	return &ivsrealtime.ListIngestConfigurationsOutput{NextToken: next, IngestConfigurations: each(all, func(i *ivsrealtime.IngestConfiguration) ivsrealtime.IngestConfigurationSummary {
		return ivsrealtime.IngestConfigurationSummary{
			Name: i.Name, ARN: i.ARN, IngestProtocol: i.IngestProtocol, StageARN: i.StageARN, ParticipantID: i.ParticipantID,
			State: i.State, UserID: i.UserID, RedundantIngest: i.RedundantIngest,
		}
	})}, err
}
