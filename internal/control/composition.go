package control

import (
	"context"

	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// StartComposition checks everything a composition needs. None can start yet:
// this build has no engine that composes, and says so.
func (p *Plane) StartComposition(ctx context.Context, c Caller, in *ivsrealtime.StartCompositionInput) (*ivsrealtime.StartCompositionOutput, error) {
	err := p.store.Read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Stages().Get(in.StageARN); err != nil {
			return err
		}
		for _, d := range in.Destinations {
			if err := destinationExists(tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "compositions cannot start: no composition engine runs in this installation")
}

func destinationExists(tx *store.Tx, d ivsrealtime.DestinationConfiguration) error {
	if d.Channel != nil {
		return notFound(d.Channel.ChannelARN) // channels have no door yet, so none exists
	}
	if _, err := tx.Storages().Get(d.S3.StorageConfigurationARN); err != nil {
		return err
	}
	for _, name := range d.S3.EncoderConfigurationARNs {
		if _, err := tx.Encoders().Get(name); err != nil {
			return err
		}
	}
	return nil
}

// GetComposition shows a composition, until five minutes after its end.
func (p *Plane) GetComposition(ctx context.Context, _ Caller, in *ivsrealtime.GetCompositionInput) (*ivsrealtime.GetCompositionOutput, error) {
	composition, err := get(ctx, p, (*store.Tx).Compositions, in.ARN)
	return &ivsrealtime.GetCompositionOutput{Composition: composition}, err
}

// StopComposition stops a composition; one that is stopping or has stopped is left as it is.
func (p *Plane) StopComposition(ctx context.Context, _ Caller, in *ivsrealtime.StopCompositionInput) (*ivsrealtime.StopCompositionOutput, error) {
	_, err := get(ctx, p, (*store.Tx).Compositions, in.ARN)
	return &ivsrealtime.StopCompositionOutput{}, err
}

// ListCompositions lists the caller's compositions, newest first.
func (p *Plane) ListCompositions(ctx context.Context, c Caller, in *ivsrealtime.ListCompositionsInput) (*ivsrealtime.ListCompositionsOutput, error) {
	var f store.Filter
	for _, used := range []string{in.FilterByStageARN, in.FilterByEncoderConfigurationARN} {
		if used != "" {
			f.Uses = append(f.Uses, used)
		}
	}
	q := listQuery{query: query{c, "ListCompositions", []string{in.FilterByStageARN, in.FilterByEncoderConfigurationARN}}, token: in.NextToken, most: in.MaxResults, page: 100}
	all, next, err := list(ctx, p, q, resources((*store.Tx).Compositions, c, f))
	return &ivsrealtime.ListCompositionsOutput{NextToken: next, Compositions: each(all, func(x *ivsrealtime.Composition) ivsrealtime.CompositionSummary {
		return ivsrealtime.CompositionSummary{
			ARN: x.ARN, StageARN: x.StageARN, State: x.State, Tags: x.Tags, StartTime: x.StartTime, EndTime: x.EndTime,
			Destinations: each(x.Destinations, func(d *ivsrealtime.Destination) ivsrealtime.DestinationSummary {
				return ivsrealtime.DestinationSummary{ID: d.ID, State: d.State, StartTime: d.StartTime, EndTime: d.EndTime}
			}),
		}
	})}, err
}
