package ivsrealtime

// MaxTags is the maximum number of tags of a resource.
const MaxTags = 50

// TagResourceInput is the input of TagResource.
type TagResourceInput struct {
	ResourceARN string            `json:"-" uri:"resourceArn" shape:"resourceARN,required"`
	Tags        map[string]string `json:"tags" shape:"tags,required"`
}

// TagResourceOutput is the output of TagResource.
type TagResourceOutput struct{}

// UntagResourceInput is the input of UntagResource; unknown keys are ignored.
type UntagResourceInput struct {
	ResourceARN string   `json:"-" uri:"resourceArn" shape:"resourceARN,required"`
	TagKeys     []string `json:"-" query:"tagKeys" shape:"tagKeys,required"`
}

// UntagResourceOutput is the output of UntagResource.
type UntagResourceOutput struct{}

// ListTagsForResourceInput is the input of ListTagsForResource.
type ListTagsForResourceInput struct {
	ResourceARN string `json:"-" uri:"resourceArn" shape:"resourceARN,required"`
}

// ListTagsForResourceOutput is the output of ListTagsForResource.
type ListTagsForResourceOutput struct {
	Tags map[string]string `json:"tags"`
}
