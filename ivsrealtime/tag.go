package ivsrealtime

// MaxTags is the maximum number of tags of a resource.
const MaxTags = 50

// TagResourceInput is the input of TagResource.
type TagResourceInput struct {
	// The ARN of a resource of any kind. Required.
	ResourceARN string `json:"-" uri:"resourceArn" shape:"resourceARN,required"`
	// The tags to add; those of the same key are replaced. At most 50; keys have 1 to 128 characters
	// and do not begin with aws:, values have up to 256. Required.
	Tags map[string]string `json:"tags" shape:"tags,required"`
}

// TagResourceOutput is the output of TagResource.
type TagResourceOutput struct{}

// UntagResourceInput is the input of UntagResource; unknown keys are ignored.
type UntagResourceInput struct {
	// The ARN of a resource of any kind. Required.
	ResourceARN string `json:"-" uri:"resourceArn" shape:"resourceARN,required"`
	// The keys of the tags to remove. At most 50. Required.
	TagKeys []string `json:"-" query:"tagKeys" shape:"tagKeys,required"`
}

// UntagResourceOutput is the output of UntagResource.
type UntagResourceOutput struct{}

// ListTagsForResourceInput is the input of ListTagsForResource.
type ListTagsForResourceInput struct {
	// The ARN of a resource of any kind. Required.
	ResourceARN string `json:"-" uri:"resourceArn" shape:"resourceARN,required"`
}

// ListTagsForResourceOutput is the output of ListTagsForResource.
type ListTagsForResourceOutput struct {
	// The tags, by key.
	Tags map[string]string `json:"tags"`
}
