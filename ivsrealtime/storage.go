package ivsrealtime

// A StorageConfiguration is a reusable reference to a bucket for recordings.
type StorageConfiguration struct {
	ARN  string                  `json:"arn"`
	Name string                  `json:"name"`
	S3   *S3StorageConfiguration `json:"s3,omitempty"`
	Tags map[string]string       `json:"tags"`
}

// StorageConfigurationSummary is a StorageConfiguration in ListStorageConfigurations.
type StorageConfigurationSummary struct {
	ARN  string                  `json:"arn"`
	Name string                  `json:"name"`
	S3   *S3StorageConfiguration `json:"s3,omitempty"`
	Tags map[string]string       `json:"tags"`
}

// S3StorageConfiguration names a bucket.
type S3StorageConfiguration struct {
	BucketName string `json:"bucketName" shape:"bucketName,required"`
}

// CreateStorageConfigurationInput is the input of CreateStorageConfiguration.
type CreateStorageConfigurationInput struct {
	Name string                  `json:"name,omitempty" shape:"name"`
	S3   *S3StorageConfiguration `json:"s3" shape:",required"`
	Tags map[string]string       `json:"tags,omitempty" shape:"tags"`
}

// CreateStorageConfigurationOutput is the output of CreateStorageConfiguration.
type CreateStorageConfigurationOutput struct {
	StorageConfiguration *StorageConfiguration `json:"storageConfiguration,omitempty"`
}

// GetStorageConfigurationInput is the input of GetStorageConfiguration.
type GetStorageConfigurationInput struct {
	ARN string `json:"arn" shape:"storageARN,required"`
}

// GetStorageConfigurationOutput is the output of GetStorageConfiguration.
type GetStorageConfigurationOutput struct {
	StorageConfiguration *StorageConfiguration `json:"storageConfiguration,omitempty"`
}

// DeleteStorageConfigurationInput is the input of DeleteStorageConfiguration.
type DeleteStorageConfigurationInput struct {
	ARN string `json:"arn" shape:"storageARN,required"`
}

// DeleteStorageConfigurationOutput is the output of DeleteStorageConfiguration.
type DeleteStorageConfigurationOutput struct{}

// ListStorageConfigurationsInput is the input of ListStorageConfigurations;
// the default page size is 100.
type ListStorageConfigurationsInput struct {
	NextToken  string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListStorageConfigurationsOutput is the output of ListStorageConfigurations.
type ListStorageConfigurationsOutput struct {
	StorageConfigurations []StorageConfigurationSummary `json:"storageConfigurations"`
	NextToken             string                        `json:"nextToken,omitempty"`
}
