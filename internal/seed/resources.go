package seed

import (
	"context"

	"rostrum/ivsrealtime"
)

func (a *applier) applyStorage(ctx context.Context, f *File) error {
	for i := range f.StorageConfigurations {
		in := &f.StorageConfigurations[i]
		arn, err := a.ensure(ctx, entry{
			kind: storageKind, index: i, name: in.Name, input: in, tags: in.Tags, given: map[string]any{"s3": in.S3},
			create: func(ctx context.Context) (string, error) {
				out, err := a.client.CreateStorageConfiguration(ctx, in)
				if err != nil {
					return "", err
				}
				return out.StorageConfiguration.ARN, nil
			},
			get: func(ctx context.Context, arn string) (any, error) {
				out, err := a.client.GetStorageConfiguration(ctx, &ivsrealtime.GetStorageConfigurationInput{ARN: arn})
				if err != nil {
					return nil, err
				}
				return out.StorageConfiguration, nil
			},
		})
		if err != nil {
			return err
		}
		a.result.StorageConfigurations[in.Name] = Resource{arn}
	}
	return nil
}

func (a *applier) applyEncoders(ctx context.Context, f *File) error {
	for i := range f.EncoderConfigurations {
		in := &f.EncoderConfigurations[i]
		given := map[string]any{}
		if in.Video != nil {
			given["video"] = in.Video
		}
		arn, err := a.ensure(ctx, entry{
			kind: encoderKind, index: i, name: in.Name, input: in, tags: in.Tags, given: given,
			create: func(ctx context.Context) (string, error) {
				out, err := a.client.CreateEncoderConfiguration(ctx, in)
				if err != nil {
					return "", err
				}
				return out.EncoderConfiguration.ARN, nil
			},
			get: func(ctx context.Context, arn string) (any, error) {
				out, err := a.client.GetEncoderConfiguration(ctx, &ivsrealtime.GetEncoderConfigurationInput{ARN: arn})
				if err != nil {
					return nil, err
				}
				return out.EncoderConfiguration, nil
			},
		})
		if err != nil {
			return err
		}
		a.result.EncoderConfigurations[in.Name] = Resource{arn}
	}
	return nil
}

func (a *applier) applyKeys(ctx context.Context, f *File) error {
	for i := range f.PublicKeys {
		in := &f.PublicKeys[i].ImportPublicKeyInput
		arn, err := a.ensure(ctx, entry{
			kind: keyKind, index: i, name: in.Name, input: in, tags: in.Tags, given: map[string]any{"publicKeyMaterial": in.PublicKeyMaterial},
			create: func(ctx context.Context) (string, error) {
				out, err := a.client.ImportPublicKey(ctx, in)
				if err != nil {
					return "", err
				}
				return out.PublicKey.ARN, nil
			},
			get: func(ctx context.Context, arn string) (any, error) {
				out, err := a.client.GetPublicKey(ctx, &ivsrealtime.GetPublicKeyInput{ARN: arn})
				if err != nil {
					return nil, err
				}
				return out.PublicKey, nil
			},
		})
		if err != nil {
			return err
		}
		a.result.PublicKeys[in.Name] = Resource{arn}
	}
	return nil
}

func (a *applier) applyIngest(ctx context.Context, f *File) (err error) {
	for i := range f.IngestConfigurations {
		in := &f.IngestConfigurations[i]
		given := map[string]any{"ingestProtocol": in.IngestProtocol, "redundantIngest": in.RedundantIngest}
		e := entry{kind: ingestKind, index: i, name: in.Name, input: in, tags: in.Tags, given: given}
		if in.StageARN, err = a.reference(e, "stageArn", in.StageARN, stageKind); err != nil {
			return err
		}
		for field, value := range map[string]string{"userId": in.UserID, "stageArn": in.StageARN} {
			if value != "" {
				given[field] = value
			}
		}
		if len(in.Attributes) > 0 {
			given["attributes"] = in.Attributes
		}
		e.create = func(ctx context.Context) (string, error) {
			out, err := a.client.CreateIngestConfiguration(ctx, in)
			if err != nil {
				return "", err
			}
			return out.IngestConfiguration.ARN, nil
		}
		e.get = func(ctx context.Context, arn string) (any, error) { return a.ingest(ctx, arn) }
		arn, err := a.ensure(ctx, e)
		if err != nil {
			return err
		}
		made, err := a.ingest(ctx, arn)
		if err != nil {
			return err
		}
		a.result.IngestConfigurations[in.Name] = Ingest{ARN: arn, ParticipantID: made.ParticipantID, StreamKey: made.StreamKey, Redundant: made.RedundantIngestCredentials}
	}
	return nil
}

func (a *applier) ingest(ctx context.Context, arn string) (*ivsrealtime.IngestConfiguration, error) {
	out, err := a.client.GetIngestConfiguration(ctx, &ivsrealtime.GetIngestConfigurationInput{ARN: arn})
	if err != nil {
		return nil, err
	}
	return out.IngestConfiguration, nil
}
