package control

import (
	"context"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// CreateEncoderConfiguration stores an output format for compositions.
func (p *Plane) CreateEncoderConfiguration(ctx context.Context, c Caller, in *ivsrealtime.CreateEncoderConfigurationInput) (*ivsrealtime.CreateEncoderConfigurationOutput, error) {
	e := &ivsrealtime.EncoderConfiguration{
		ARN: arn.New(arn.EncoderConfiguration, c.Account, c.Region).String(), Name: in.Name, Tags: tagsOf(in.Tags), Video: videoDefaults(in.Video),
	}
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		return create(c, tx.Encoders(), e, p.limits.EncoderConfigurations, "encoder configurations")
	})
	return &ivsrealtime.CreateEncoderConfigurationOutput{EncoderConfiguration: e}, err
}

// GetEncoderConfiguration returns an output format.
func (p *Plane) GetEncoderConfiguration(ctx context.Context, _ Caller, in *ivsrealtime.GetEncoderConfigurationInput) (*ivsrealtime.GetEncoderConfigurationOutput, error) {
	e, err := get(ctx, p, (*store.Tx).Encoders, in.ARN)
	return &ivsrealtime.GetEncoderConfigurationOutput{EncoderConfiguration: e}, err
}

// DeleteEncoderConfiguration deletes an output format that no composition uses.
func (p *Plane) DeleteEncoderConfiguration(ctx context.Context, _ Caller, in *ivsrealtime.DeleteEncoderConfigurationInput) (*ivsrealtime.DeleteEncoderConfigurationOutput, error) {
	err := p.store.Write(ctx, func(tx *store.Tx) error { return deleteUnused(tx, tx.Encoders(), in.ARN) })
	return &ivsrealtime.DeleteEncoderConfigurationOutput{}, err
}

// deleteUnused deletes a resource unless another uses it.
func deleteUnused[T any](tx *store.Tx, kind store.Resources[T], name string) error {
	if _, err := kind.Get(name); err != nil {
		return err
	}
	user, err := tx.UserOf(name)
	if err != nil {
		return err
	}
	if user != "" {
		return ivsrealtime.Errorf(ivsrealtime.Conflict, "%s is in use by %s", name, user)
	}
	return kind.Delete(name)
}

// ListEncoderConfigurations lists the caller's output formats, oldest first.
func (p *Plane) ListEncoderConfigurations(ctx context.Context, c Caller, in *ivsrealtime.ListEncoderConfigurationsInput) (*ivsrealtime.ListEncoderConfigurationsOutput, error) {
	q := listQuery{query: query{caller: c, operation: "ListEncoderConfigurations"}, token: in.NextToken, maxResults: in.MaxResults, page: 100}
	all, next, err := list(ctx, p, q, resources((*store.Tx).Encoders, c, store.Filter{}))
	return &ivsrealtime.ListEncoderConfigurationsOutput{NextToken: next, EncoderConfigurations: each(all, func(e *ivsrealtime.EncoderConfiguration) ivsrealtime.EncoderConfigurationSummary {
		return ivsrealtime.EncoderConfigurationSummary{ARN: e.ARN, Name: e.Name, Tags: e.Tags}
	})}, err
}
