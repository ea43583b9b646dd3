package ivsrealtime

import "fmt"

// An EncoderConfiguration is a reusable output format of compositions.
type EncoderConfiguration struct {
	// The ARN, which names the encoder configuration in all operations:
	// arn:aws:ivs:region:account:encoder-configuration/id.
	ARN string `json:"arn"`
	// A name for people.
	Name string `json:"name"`
	// The format of the video.
	Video *Video `json:"video,omitempty"`
	// The tags, by key.
	Tags map[string]string `json:"tags"`
}

// EncoderConfigurationSummary is an EncoderConfiguration in ListEncoderConfigurations.
type EncoderConfigurationSummary struct {
	// The ARN, which names the encoder configuration in all operations:
	// arn:aws:ivs:region:account:encoder-configuration/id.
	ARN string `json:"arn"`
	// A name for people.
	Name string `json:"name"`
	// The tags, by key.
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
	// A name for people. At most 128 letters, digits, hyphens and underscores; names need not be
	// unique.
	Name string `json:"name,omitempty" shape:"name"`
	// The format of the video; absent: the default of each member.
	Video *Video `json:"video,omitempty"`
	// The tags, by key. At most 50; keys have 1 to 128 characters and do not begin with aws:, values
	// have up to 256.
	Tags map[string]string `json:"tags,omitempty" shape:"tags"`
}

// CreateEncoderConfigurationOutput is the output of CreateEncoderConfiguration.
type CreateEncoderConfigurationOutput struct {
	// The encoder configuration.
	EncoderConfiguration *EncoderConfiguration `json:"encoderConfiguration,omitempty"`
}

// GetEncoderConfigurationInput is the input of GetEncoderConfiguration.
type GetEncoderConfigurationInput struct {
	// The ARN of the encoder configuration. Required.
	ARN string `json:"arn" shape:"encoderARN,required"`
}

// GetEncoderConfigurationOutput is the output of GetEncoderConfiguration.
type GetEncoderConfigurationOutput struct {
	// The encoder configuration.
	EncoderConfiguration *EncoderConfiguration `json:"encoderConfiguration,omitempty"`
}

// DeleteEncoderConfigurationInput is the input of DeleteEncoderConfiguration.
type DeleteEncoderConfigurationInput struct {
	// The ARN of the encoder configuration. Required.
	ARN string `json:"arn" shape:"encoderARN,required"`
}

// DeleteEncoderConfigurationOutput is the output of DeleteEncoderConfiguration.
type DeleteEncoderConfigurationOutput struct{}

// ListEncoderConfigurationsInput is the input of ListEncoderConfigurations; the default page size is 100.
type ListEncoderConfigurationsInput struct {
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListEncoderConfigurationsOutput is the output of ListEncoderConfigurations.
type ListEncoderConfigurationsOutput struct {
	// The encoder configurations of this page.
	EncoderConfigurations []EncoderConfigurationSummary `json:"encoderConfigurations"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}
