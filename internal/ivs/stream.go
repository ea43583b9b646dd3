package ivs

import "time"

// A StreamKey authorizes an encoder for a channel. A channel has at most one.
type StreamKey struct {
	ARN        string            `json:"arn"`
	Value      string            `json:"value"` // a secret
	ChannelARN string            `json:"channelArn"`
	Tags       map[string]string `json:"tags"`
}

// StreamKeySummary is a StreamKey in ListStreamKeys.
type StreamKeySummary struct {
	ARN        string            `json:"arn"`
	ChannelARN string            `json:"channelArn"`
	Tags       map[string]string `json:"tags"`
}

// A Stream is the live stream of a channel.
type Stream struct {
	ChannelARN  string    `json:"channelArn"`
	StreamID    string    `json:"streamId"`
	PlaybackURL string    `json:"playbackUrl"`
	StartTime   time.Time `json:"startTime"`
	State       State     `json:"state"`
	Health      Health    `json:"health"`
	ViewerCount int64     `json:"viewerCount"`
}

// StreamSummary is a Stream in ListStreams.
type StreamSummary struct {
	ChannelARN  string    `json:"channelArn"`
	StreamID    string    `json:"streamId"`
	StartTime   time.Time `json:"startTime"`
	State       State     `json:"state"`
	Health      Health    `json:"health"`
	ViewerCount int64     `json:"viewerCount"`
}

// State is whether a stream is live.
type State string

// The states of a stream. An offline channel has no stream, so that Offline does
// not occur.
const (
	Live    State = "LIVE"
	Offline State = "OFFLINE"
)

// Health is the state of the encoder's stream.
type Health string

// The values of Health.
const (
	Healthy       Health = "HEALTHY"
	Starving      Health = "STARVING" // no video for some seconds
	HealthUnknown Health = "UNKNOWN"
)

// CreateStreamKeyInput is the input of CreateStreamKey.
type CreateStreamKeyInput struct {
	ChannelARN string            `json:"channelArn" shape:"channelARN,required"`
	Tags       map[string]string `json:"tags,omitempty" shape:"tags"`
}

// CreateStreamKeyOutput is the output of CreateStreamKey.
type CreateStreamKeyOutput struct {
	StreamKey *StreamKey `json:"streamKey,omitempty"`
}

// GetStreamKeyInput is the input of GetStreamKey.
type GetStreamKeyInput struct {
	ARN string `json:"arn" shape:"streamKeyARN,required"`
}

// GetStreamKeyOutput is the output of GetStreamKey.
type GetStreamKeyOutput struct {
	StreamKey *StreamKey `json:"streamKey,omitempty"`
}

// BatchGetStreamKeyInput is the input of BatchGetStreamKey.
type BatchGetStreamKeyInput struct {
	ARNs []string `json:"arns" shape:"streamKeyARNs,required"`
}

// BatchGetStreamKeyOutput is the output of BatchGetStreamKey.
type BatchGetStreamKeyOutput struct {
	StreamKeys []StreamKey  `json:"streamKeys"`
	Errors     []BatchError `json:"errors"`
}

// ListStreamKeysInput is the input of ListStreamKeys.
type ListStreamKeysInput struct {
	ChannelARN string `json:"channelArn" shape:"channelARN,required"`
	NextToken  string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults *int   `json:"maxResults,omitempty" shape:"maxStreamKeys"`
}

// ListStreamKeysOutput is the output of ListStreamKeys.
type ListStreamKeysOutput struct {
	StreamKeys []StreamKeySummary `json:"streamKeys"`
	NextToken  string             `json:"nextToken,omitempty"`
}

// DeleteStreamKeyInput is the input of DeleteStreamKey.
type DeleteStreamKeyInput struct {
	ARN string `json:"arn" shape:"streamKeyARN,required"`
}

// GetStreamInput is the input of GetStream.
type GetStreamInput struct {
	ChannelARN string `json:"channelArn" shape:"channelARN,required"`
}

// GetStreamOutput is the output of GetStream.
type GetStreamOutput struct {
	Stream *Stream `json:"stream,omitempty"`
}

// ListStreamsInput is the input of ListStreams.
type ListStreamsInput struct {
	FilterBy   *StreamFilters `json:"filterBy,omitempty"`
	NextToken  string         `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults *int           `json:"maxResults,omitempty" shape:"maxResults"`
}

// StreamFilters filter a list of streams.
type StreamFilters struct {
	Health Health `json:"health,omitempty" shape:"streamHealth"`
}

// ListStreamsOutput is the output of ListStreams.
type ListStreamsOutput struct {
	Streams   []StreamSummary `json:"streams"`
	NextToken string          `json:"nextToken,omitempty"`
}

// StopStreamInput is the input of StopStream.
type StopStreamInput struct {
	ChannelARN string `json:"channelArn" shape:"channelARN,required"`
}

// StopStreamOutput is the output of StopStream.
type StopStreamOutput struct{}
