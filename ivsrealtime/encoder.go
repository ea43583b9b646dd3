package ivsrealtime

import "fmt"

// An EncoderConfiguration is a reusable output format of compositions.
type EncoderConfiguration struct {
	ARN   string            `json:"arn"`
	Name  string            `json:"name"`
	Video *Video            `json:"video,omitempty"`
	Tags  map[string]string `json:"tags"`
}

// EncoderConfigurationSummary is an EncoderConfiguration in ListEncoderConfigurations.
type EncoderConfigurationSummary struct {
	ARN  string            `json:"arn"`
	Name string            `json:"name"`
	Tags map[string]string `json:"tags"`
}

// Video is the video format of an encoder configuration. Width and height are even
// and their product is at most 2,073,600 (1920x1080 in any orientation).
type Video struct {
	Width     *int     `json:"width,omitempty" shape:"side"`           // pixels, default 1280
	Height    *int     `json:"height,omitempty" shape:"side"`          // pixels, default 720
	Framerate *float64 `json:"framerate,omitempty" shape:"framerate"`  // frames per second, default 30
	Bitrate   *int     `json:"bitrate,omitempty" shape:"videoBitrate"` // bits per second, default 2,500,000
}

// maxPixels is 1920x1080, the largest video of a composition (API Video).
const maxPixels = 1920 * 1080

func (v *Video) check() string {
	width, height := 1280, 720
	if v.Width != nil {
		width = *v.Width
	}
	if v.Height != nil {
		height = *v.Height
	}
	if width*height > maxPixels {
		return fmt.Sprintf("width x height is %d x %d = %d, must be at most %d", width, height, width*height, maxPixels)
	}
	return ""
}

// CreateEncoderConfigurationInput is the input of CreateEncoderConfiguration.
type CreateEncoderConfigurationInput struct {
	Name  string            `json:"name,omitempty" shape:"name"`
	Video *Video            `json:"video,omitempty"`
	Tags  map[string]string `json:"tags,omitempty" shape:"tags"`
}

// CreateEncoderConfigurationOutput is the output of CreateEncoderConfiguration.
type CreateEncoderConfigurationOutput struct {
	EncoderConfiguration *EncoderConfiguration `json:"encoderConfiguration,omitempty"`
}

// GetEncoderConfigurationInput is the input of GetEncoderConfiguration.
type GetEncoderConfigurationInput struct {
	ARN string `json:"arn" shape:"encoderARN,required"`
}

// GetEncoderConfigurationOutput is the output of GetEncoderConfiguration.
type GetEncoderConfigurationOutput struct {
	EncoderConfiguration *EncoderConfiguration `json:"encoderConfiguration,omitempty"`
}

// DeleteEncoderConfigurationInput is the input of DeleteEncoderConfiguration.
type DeleteEncoderConfigurationInput struct {
	ARN string `json:"arn" shape:"encoderARN,required"`
}

// DeleteEncoderConfigurationOutput is the output of DeleteEncoderConfiguration.
type DeleteEncoderConfigurationOutput struct{}

// ListEncoderConfigurationsInput is the input of ListEncoderConfigurations; the default page size is 100.
type ListEncoderConfigurationsInput struct {
	NextToken  string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListEncoderConfigurationsOutput is the output of ListEncoderConfigurations.
type ListEncoderConfigurationsOutput struct {
	EncoderConfigurations []EncoderConfigurationSummary `json:"encoderConfigurations"`
	NextToken             string                        `json:"nextToken,omitempty"`
}
