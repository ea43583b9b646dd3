package ivs

import (
	"fmt"

	"rostrum/internal/shape"
)

// A Channel passes one stream at a time from an encoder to viewers.
type Channel struct {
	ARN                          string                        `json:"arn"`
	Name                         string                        `json:"name"`
	LatencyMode                  LatencyMode                   `json:"latencyMode"`
	Type                         Type                          `json:"type"`
	RecordingConfigurationARN    string                        `json:"recordingConfigurationArn"`
	IngestEndpoint               string                        `json:"ingestEndpoint"`
	PlaybackURL                  string                        `json:"playbackUrl"`
	Authorized                   bool                          `json:"authorized"`
	Tags                         map[string]string             `json:"tags"`
	InsecureIngest               bool                          `json:"insecureIngest"`
	Preset                       Preset                        `json:"preset"`
	PlaybackRestrictionPolicyARN string                        `json:"playbackRestrictionPolicyArn"`
	MultitrackInputConfiguration *MultitrackInputConfiguration `json:"multitrackInputConfiguration,omitempty"`
	ContainerFormat              ContainerFormat               `json:"containerFormat"`
}

// ChannelSummary is a Channel in ListChannels.
type ChannelSummary struct {
	ARN                          string            `json:"arn"`
	Name                         string            `json:"name"`
	LatencyMode                  LatencyMode       `json:"latencyMode"`
	Type                         Type              `json:"type"`
	RecordingConfigurationARN    string            `json:"recordingConfigurationArn"`
	Authorized                   bool              `json:"authorized"`
	Tags                         map[string]string `json:"tags"`
	InsecureIngest               bool              `json:"insecureIngest"`
	Preset                       Preset            `json:"preset"`
	PlaybackRestrictionPolicyARN string            `json:"playbackRestrictionPolicyArn"`
}

// TagPushURL is the tag with the URL of another platform to which the channel's
// stream is pushed: rtmps://host/app/<stream key>. The service has no such tag.
const TagPushURL = "rostrum:push-url"

// LatencyMode is the latency of playback.
type LatencyMode string

// The latency modes.
const (
	LatencyNormal LatencyMode = "NORMAL"
	LatencyLow    LatencyMode = "LOW"
)

// Type is how the service transcodes a channel. Rostrum never transcodes.
type Type string

// The channel types.
const (
	TypeBasic      Type = "BASIC"
	TypeStandard   Type = "STANDARD"
	TypeAdvancedSD Type = "ADVANCED_SD"
	TypeAdvancedHD Type = "ADVANCED_HD"
)

// Preset is how an advanced channel is transcoded; empty for the other types.
type Preset string

// The presets.
const (
	PresetHigherBandwidth      Preset = "HIGHER_BANDWIDTH_DELIVERY"
	PresetConstrainedBandwidth Preset = "CONSTRAINED_BANDWIDTH_DELIVERY"
)

// ContainerFormat is stored; viewers always get fragmented MP4.
type ContainerFormat string

// The container formats.
const (
	ContainerTS            ContainerFormat = "TS"
	ContainerFragmentedMP4 ContainerFormat = "FRAGMENTED_MP4"
)

// MultitrackInputConfiguration allows encoders to send several renditions.
type MultitrackInputConfiguration struct {
	Enabled           bool              `json:"enabled"`
	Policy            MultitrackPolicy  `json:"policy,omitempty" shape:"multitrackPolicy"`
	MaximumResolution MaximumResolution `json:"maximumResolution,omitempty" shape:"maximumResolution"`
}

// MultitrackPolicy allows or requires several renditions.
type MultitrackPolicy string

// The multitrack policies.
const (
	MultitrackAllow   MultitrackPolicy = "ALLOW"
	MultitrackRequire MultitrackPolicy = "REQUIRE"
)

// MaximumResolution bounds the renditions of a multitrack input.
type MaximumResolution string

// The resolutions.
const (
	ResolutionSD     MaximumResolution = "SD"
	ResolutionHD     MaximumResolution = "HD"
	ResolutionFullHD MaximumResolution = "FULL_HD"
)

// CreateChannelInput is the input of CreateChannel. All members are optional.
type CreateChannelInput struct {
	Name                         string                        `json:"name,omitempty" shape:"name"`
	LatencyMode                  LatencyMode                   `json:"latencyMode,omitempty" shape:"latencyMode"`
	Type                         Type                          `json:"type,omitempty" shape:"channelType"`
	Authorized                   bool                          `json:"authorized,omitempty"`
	RecordingConfigurationARN    string                        `json:"recordingConfigurationArn,omitempty" shape:"recordingARNOrEmpty"`
	Tags                         map[string]string             `json:"tags,omitempty" shape:"tags"`
	InsecureIngest               bool                          `json:"insecureIngest,omitempty"`
	Preset                       Preset                        `json:"preset,omitempty" shape:"preset"`
	PlaybackRestrictionPolicyARN string                        `json:"playbackRestrictionPolicyArn,omitempty" shape:"policyARNOrEmpty"`
	MultitrackInputConfiguration *MultitrackInputConfiguration `json:"multitrackInputConfiguration,omitempty"`
	ContainerFormat              ContainerFormat               `json:"containerFormat,omitempty" shape:"containerFormat"`
}

// CreateChannelOutput is the output of CreateChannel.
type CreateChannelOutput struct {
	Channel   *Channel   `json:"channel,omitempty"`
	StreamKey *StreamKey `json:"streamKey,omitempty"`
}

// GetChannelInput is the input of GetChannel.
type GetChannelInput struct {
	ARN string `json:"arn" shape:"channelARN,required"`
}

// GetChannelOutput is the output of GetChannel.
type GetChannelOutput struct {
	Channel *Channel `json:"channel,omitempty"`
}

// BatchGetChannelInput is the input of BatchGetChannel.
type BatchGetChannelInput struct {
	ARNs []string `json:"arns" shape:"channelARNs,required"`
}

// BatchGetChannelOutput is the output of BatchGetChannel: what was found, and
// why the rest was not.
type BatchGetChannelOutput struct {
	Channels []Channel    `json:"channels"`
	Errors   []BatchError `json:"errors"`
}

// A BatchError is the error of one item of a batch.
type BatchError struct {
	ARN     string `json:"arn"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// ListChannelsInput is the input of ListChannels; at most one filter may be given.
type ListChannelsInput struct {
	FilterByName                         string `json:"filterByName,omitempty" shape:"name"`
	FilterByRecordingConfigurationARN    string `json:"filterByRecordingConfigurationArn,omitempty" shape:"recordingARNOrEmpty"`
	FilterByPlaybackRestrictionPolicyARN string `json:"filterByPlaybackRestrictionPolicyArn,omitempty" shape:"policyARNOrEmpty"`
	NextToken                            string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults                           *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// Filters returns the problem if several filters are given, which is a conflict
// and not a validation error; empty otherwise.
func (in *ListChannelsInput) Filters() string {
	return shape.Exclusive("filterByName, filterByRecordingConfigurationArn, filterByPlaybackRestrictionPolicyArn",
		in.FilterByName != "", in.FilterByRecordingConfigurationARN != "", in.FilterByPlaybackRestrictionPolicyARN != "")
}

// ListChannelsOutput is the output of ListChannels.
type ListChannelsOutput struct {
	Channels  []ChannelSummary `json:"channels"`
	NextToken string           `json:"nextToken,omitempty"`
}

// UpdateChannelInput is the input of UpdateChannel. Absent members stay.
type UpdateChannelInput struct {
	ARN                          string                        `json:"arn" shape:"channelARN,required"`
	Name                         *string                       `json:"name,omitempty" shape:"name"`
	LatencyMode                  LatencyMode                   `json:"latencyMode,omitempty" shape:"latencyMode"`
	Type                         Type                          `json:"type,omitempty" shape:"channelType"`
	Authorized                   *bool                         `json:"authorized,omitempty"`
	RecordingConfigurationARN    string                        `json:"recordingConfigurationArn,omitempty" shape:"recordingARNOrEmpty"`
	InsecureIngest               *bool                         `json:"insecureIngest,omitempty"`
	Preset                       *Preset                       `json:"preset,omitempty" shape:"preset"`
	PlaybackRestrictionPolicyARN string                        `json:"playbackRestrictionPolicyArn,omitempty" shape:"policyARNOrEmpty"`
	MultitrackInputConfiguration *MultitrackInputConfiguration `json:"multitrackInputConfiguration,omitempty"`
	ContainerFormat              ContainerFormat               `json:"containerFormat,omitempty" shape:"containerFormat"`
}

// UpdateChannelOutput is the output of UpdateChannel.
type UpdateChannelOutput struct {
	Channel *Channel `json:"channel,omitempty"`
}

// DeleteChannelInput is the input of DeleteChannel.
type DeleteChannelInput struct {
	ARN string `json:"arn" shape:"channelARN,required"`
}

// Unit is the output of operations that answer 204 without a body.
type Unit struct{}

// Complete sets the API's defaults for absent members. It returns the problem with
// the channel as a whole; empty if it is valid.
func (c *Channel) Complete() (problem string) {
	if c.LatencyMode == "" {
		c.LatencyMode = LatencyLow
	}
	if c.Type == "" {
		c.Type = TypeStandard
	}
	if c.ContainerFormat == "" {
		c.ContainerFormat = ContainerTS
	}
	advanced := c.Type == TypeAdvancedSD || c.Type == TypeAdvancedHD
	switch {
	case advanced && c.Preset == "":
		c.Preset = PresetHigherBandwidth
	case !advanced && c.Preset != "":
		return fmt.Sprintf("preset is %q, must be empty when type is %s", c.Preset, c.Type)
	}
	if c.Authorized {
		return "authorized is true, must be false: Rostrum has no playback key pairs, so that nobody could watch the channel"
	}
	if m := c.MultitrackInputConfiguration; m != nil && m.Enabled {
		return "multitrackInputConfiguration.enabled is true, must be false: Rostrum accepts one video track"
	}
	return ""
}
