package ivsrealtime

// A StorageConfiguration is a reusable reference to a bucket for recordings.
type StorageConfiguration struct {
	// The ARN, which names the storage configuration in all operations:
	// arn:aws:ivs:region:account:storage-configuration/id.
	ARN string `json:"arn"`
	// A name for people.
	Name string `json:"name"`
	// The bucket.
	S3 *S3StorageConfiguration `json:"s3,omitempty"`
	// The tags, by key.
	Tags map[string]string `json:"tags"`
}

// StorageConfigurationSummary is a StorageConfiguration in ListStorageConfigurations.
type StorageConfigurationSummary struct {
	// The ARN, which names the storage configuration in all operations:
	// arn:aws:ivs:region:account:storage-configuration/id.
	ARN string `json:"arn"`
	// A name for people.
	Name string `json:"name"`
	// The bucket.
	S3 *S3StorageConfiguration `json:"s3,omitempty"`
	// The tags, by key.
	Tags map[string]string `json:"tags"`
}

// S3StorageConfiguration names a bucket.
type S3StorageConfiguration struct {
	// The bucket, which must exist in the same account and region. 3 to 63 lower-case letters,
	// digits, hyphens and dots. Required.
	BucketName string `json:"bucketName" shape:"bucketName,required"`
}

// CreateStorageConfigurationInput is the input of CreateStorageConfiguration.
type CreateStorageConfigurationInput struct {
	// A name for people. At most 128 letters, digits, hyphens and underscores; names need not be
	// unique.
	Name string `json:"name,omitempty" shape:"name"`
	// The bucket. Required.
	S3 *S3StorageConfiguration `json:"s3" shape:",required"`
	// The tags, by key. At most 50; keys have 1 to 128 characters and do not begin with aws:, values
	// have up to 256.
	Tags map[string]string `json:"tags,omitempty" shape:"tags"`
}

// CreateStorageConfigurationOutput is the output of CreateStorageConfiguration.
type CreateStorageConfigurationOutput struct {
	// The storage configuration.
	StorageConfiguration *StorageConfiguration `json:"storageConfiguration,omitempty"`
}

// GetStorageConfigurationInput is the input of GetStorageConfiguration.
type GetStorageConfigurationInput struct {
	// The ARN of the storage configuration. Required.
	ARN string `json:"arn" shape:"storageARN,required"`
}

// GetStorageConfigurationOutput is the output of GetStorageConfiguration.
type GetStorageConfigurationOutput struct {
	// The storage configuration.
	StorageConfiguration *StorageConfiguration `json:"storageConfiguration,omitempty"`
}

// DeleteStorageConfigurationInput is the input of DeleteStorageConfiguration.
type DeleteStorageConfigurationInput struct {
	// The ARN of the storage configuration. Required.
	ARN string `json:"arn" shape:"storageARN,required"`
}

// DeleteStorageConfigurationOutput is the output of DeleteStorageConfiguration.
type DeleteStorageConfigurationOutput struct{}

// ListStorageConfigurationsInput is the input of ListStorageConfigurations;
// the default page size is 100.
type ListStorageConfigurationsInput struct {
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListStorageConfigurationsOutput is the output of ListStorageConfigurations.
type ListStorageConfigurationsOutput struct {
	// The storage configurations of this page.
	StorageConfigurations []StorageConfigurationSummary `json:"storageConfigurations"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}
