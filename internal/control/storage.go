package control

import (
	"context"
	"errors"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/bucket"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// CreateStorageConfiguration stores a reference to a bucket that takes files, or that does not
// answer now.
func (p *Plane) CreateStorageConfiguration(ctx context.Context, c Caller, in *ivsrealtime.CreateStorageConfigurationInput) (*ivsrealtime.CreateStorageConfigurationOutput, error) {
	s := &ivsrealtime.StorageConfiguration{
		ARN: arn.New(arn.StorageConfiguration, c.Account, c.Region).String(), Name: in.Name, Tags: tagsOf(in.Tags), S3: in.S3,
	}
	if err := p.checkBucket(ctx, c.Region, in.S3.BucketName); err != nil {
		return nil, err
	}
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		return create(c, tx.Storages(), s, p.limits.StorageConfigurations, "storage configurations")
	})
	return &ivsrealtime.CreateStorageConfigurationOutput{StorageConfiguration: s}, err
}

// bucketTimeout is how long a bucket may take to say whether it takes files.
const bucketTimeout = 3 * time.Second

// checkBucket returns what is wrong with a bucket. One that does not answer may do so later.
func (p *Plane) checkBucket(ctx context.Context, region, name string) error {
	b, err := p.buckets(region, name)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
		defer cancel()
		err = b.Check(ctx)
	}
	switch {
	case errors.Is(err, bucket.ErrNoBucket):
		return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "s3.bucketName: there is no bucket %s. Create it first, on the S3 server that this server uses", name)
	case errors.Is(err, bucket.ErrRegion):
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "s3.bucketName: bucket %s is not in region %s. Name one of this region, or create the storage configuration in that of the bucket", name, region)
	case errors.Is(err, bucket.ErrDenied):
		return ivsrealtime.Errorf(ivsrealtime.AccessDenied, "s3.bucketName: this server may not put files into bucket %s. Allow it s3:PutObject and s3:GetObject there", name)
	}
	return nil
}

// GetStorageConfiguration returns a reference to a bucket.
func (p *Plane) GetStorageConfiguration(ctx context.Context, _ Caller, in *ivsrealtime.GetStorageConfigurationInput) (*ivsrealtime.GetStorageConfigurationOutput, error) {
	s, err := get(ctx, p, (*store.Tx).Storages, in.ARN)
	return &ivsrealtime.GetStorageConfigurationOutput{StorageConfiguration: s}, err
}

// readRecordings is the action for the recordings in the bucket of a storage configuration in
// policies. In the managed service they are files of S3.
const readRecordings = "rostrum:ReadRecordings"

// RecordingBucket returns the name of the bucket of a storage configuration, if the caller may
// read recordings there. Several accounts may have recordings in one bucket.
func (p *Plane) RecordingBucket(ctx context.Context, c Caller, storageARN string) (string, error) {
	if err := p.Authorize(ctx, c, readRecordings, storageARN); err != nil {
		return "", err
	}
	s, err := get(ctx, p, (*store.Tx).Storages, storageARN)
	if err != nil {
		return "", err
	}
	return s.S3.BucketName, nil
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
