package control

import (
	"context"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// CreateStorageConfiguration stores a reference to a bucket.
func (p *Plane) CreateStorageConfiguration(ctx context.Context, c Caller, in *ivsrealtime.CreateStorageConfigurationInput) (*ivsrealtime.CreateStorageConfigurationOutput, error) {
	s := &ivsrealtime.StorageConfiguration{
		ARN: arn.New(arn.StorageConfiguration, c.Account, c.Region).String(), Name: in.Name, Tags: tagsOf(in.Tags), S3: in.S3,
	}
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		return create(c, tx.Storages(), s, p.limits.StorageConfigurations, "storage configurations")
	})
	return &ivsrealtime.CreateStorageConfigurationOutput{StorageConfiguration: s}, err
}

// GetStorageConfiguration returns a reference to a bucket.
func (p *Plane) GetStorageConfiguration(ctx context.Context, _ Caller, in *ivsrealtime.GetStorageConfigurationInput) (*ivsrealtime.GetStorageConfigurationOutput, error) {
	s, err := get(ctx, p, (*store.Tx).Storages, in.ARN)
	return &ivsrealtime.GetStorageConfigurationOutput{StorageConfiguration: s}, err
}

// DeleteStorageConfiguration deletes a reference that neither a stage nor a composition uses.
func (p *Plane) DeleteStorageConfiguration(ctx context.Context, _ Caller, in *ivsrealtime.DeleteStorageConfigurationInput) (*ivsrealtime.DeleteStorageConfigurationOutput, error) {
	err := p.store.Write(ctx, func(tx *store.Tx) error { return deleteUnused(tx, tx.Storages(), in.ARN) })
	return &ivsrealtime.DeleteStorageConfigurationOutput{}, err
}

// ListStorageConfigurations lists the caller's references, oldest first.
func (p *Plane) ListStorageConfigurations(ctx context.Context, c Caller, in *ivsrealtime.ListStorageConfigurationsInput) (*ivsrealtime.ListStorageConfigurationsOutput, error) {
	q := listQuery{query: query{caller: c, operation: "ListStorageConfigurations"}, token: in.NextToken, maxResults: in.MaxResults, page: 100}
	all, next, err := list(ctx, p, q, resources((*store.Tx).Storages, c, store.Filter{}))
	return &ivsrealtime.ListStorageConfigurationsOutput{NextToken: next, StorageConfigurations: each(all, func(s *ivsrealtime.StorageConfiguration) ivsrealtime.StorageConfigurationSummary {
		return ivsrealtime.StorageConfigurationSummary{ARN: s.ARN, Name: s.Name, S3: s.S3, Tags: s.Tags}
	})}, err
}
