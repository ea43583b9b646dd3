package ivsrealtime

import "time"

// A Composition combines the participants of a stage into one video and one audio
// track, and sends them to its destinations.
type Composition struct {
	ARN          string               `json:"arn"`
	StageARN     string               `json:"stageArn"`
	State        CompositionState     `json:"state"`
	Layout       *LayoutConfiguration `json:"layout"`
	Destinations []Destination        `json:"destinations"`
	Tags         map[string]string    `json:"tags"`
	StartTime    time.Time            `json:"startTime,omitzero"`
	EndTime      time.Time            `json:"endTime,omitzero"`
}

// CompositionSummary is a Composition in ListCompositions.
type CompositionSummary struct {
	ARN          string               `json:"arn"`
	StageARN     string               `json:"stageArn"`
	Destinations []DestinationSummary `json:"destinations"`
	State        CompositionState     `json:"state"`
	Tags         map[string]string    `json:"tags"`
	StartTime    time.Time            `json:"startTime,omitzero"`
	EndTime      time.Time            `json:"endTime,omitzero"`
}

// CompositionState is the state of a composition.
type CompositionState string

// The states of a composition.
const (
	CompositionStarting CompositionState = "STARTING"
	CompositionActive   CompositionState = "ACTIVE"
	CompositionStopping CompositionState = "STOPPING"
	CompositionFailed   CompositionState = "FAILED"
	CompositionStopped  CompositionState = "STOPPED"
)

// A Destination is a channel or a bucket that a composition is sent to.
type Destination struct {
	ID            string                    `json:"id"`
	State         DestinationState          `json:"state"`
	StartTime     time.Time                 `json:"startTime,omitzero"`
	EndTime       time.Time                 `json:"endTime,omitzero"`
	Configuration *DestinationConfiguration `json:"configuration"`
	Detail        *DestinationDetail        `json:"detail,omitempty"`
}

// DestinationSummary is a Destination in ListCompositions.
type DestinationSummary struct {
	ID        string           `json:"id"`
	State     DestinationState `json:"state"`
	StartTime time.Time        `json:"startTime,omitzero"`
	EndTime   time.Time        `json:"endTime,omitzero"`
}

// DestinationState is the state of a destination.
type DestinationState string

// The states of a destination.
const (
	DestinationStarting     DestinationState = "STARTING"
	DestinationActive       DestinationState = "ACTIVE"
	DestinationStopping     DestinationState = "STOPPING"
	DestinationReconnecting DestinationState = "RECONNECTING"
	DestinationFailed       DestinationState = "FAILED"
	DestinationStopped      DestinationState = "STOPPED"
)

// DestinationDetail has details of a destination.
type DestinationDetail struct {
	S3 *S3Detail `json:"s3,omitempty"`
}

// S3Detail is where in the bucket a composition is recorded.
type S3Detail struct {
	RecordingPrefix string `json:"recordingPrefix"`
}

// DestinationConfiguration configures a destination: a channel or a bucket.
type DestinationConfiguration struct {
	Name    string                           `json:"name" shape:"name"`
	Channel *ChannelDestinationConfiguration `json:"channel,omitempty"`
	S3      *S3DestinationConfiguration      `json:"s3,omitempty"`
}

func (d *DestinationConfiguration) check() string {
	switch {
	case d.Channel != nil && d.S3 != nil:
		return "has channel and s3, must have exactly one of them"
	case d.Channel == nil && d.S3 == nil:
		return "has neither channel nor s3, must have exactly one of them"
	}
	return ""
}

// ChannelDestinationConfiguration sends a composition to a channel.
type ChannelDestinationConfiguration struct {
	ChannelARN              string `json:"channelArn" shape:"channelARN,required"`
	EncoderConfigurationARN string `json:"encoderConfigurationArn,omitempty" shape:"encoderARN"` // absent: the encoder defaults
}

// S3DestinationConfiguration records a composition into a bucket.
type S3DestinationConfiguration struct {
	StorageConfigurationARN  string                              `json:"storageConfigurationArn" shape:"storageARN,required"`
	EncoderConfigurationARNs []string                            `json:"encoderConfigurationArns" shape:"encoderARNs,required"`
	RecordingConfiguration   *RecordingConfiguration             `json:"recordingConfiguration,omitempty"`
	ThumbnailConfigurations  []CompositionThumbnailConfiguration `json:"thumbnailConfigurations,omitempty" shape:"compositionThumbnails"`
}

// RecordingConfiguration configures the recording of a composition.
type RecordingConfiguration struct {
	HLSConfiguration *CompositionRecordingHLSConfiguration `json:"hlsConfiguration,omitempty"`
	Format           RecordingConfigurationFormat          `json:"format,omitempty" shape:"recordingFormat"` // default HLS
}

// CompositionRecordingHLSConfiguration has the HLS settings of composite recording.
type CompositionRecordingHLSConfiguration struct {
	TargetSegmentDurationSeconds *int `json:"targetSegmentDurationSeconds,omitempty" shape:"segmentSeconds"` // default 2
}

// RecordingConfigurationFormat is the format of a composite recording.
type RecordingConfigurationFormat string

// RecordingHLS is the only format.
const RecordingHLS RecordingConfigurationFormat = "HLS"

// CompositionThumbnailConfiguration configures thumbnails of a composite recording.
type CompositionThumbnailConfiguration struct {
	TargetIntervalSeconds *int                   `json:"targetIntervalSeconds,omitempty" shape:"thumbnailInterval"` // default 60
	Storage               []ThumbnailStorageType `json:"storage,omitempty" shape:"thumbnailStorage"`                // default SEQUENTIAL
}

// LayoutConfiguration is the layout of the participants: grid or pip.
type LayoutConfiguration struct {
	Grid *GridConfiguration `json:"grid,omitempty"`
	Pip  *PipConfiguration  `json:"pip,omitempty"`
}

func (l *LayoutConfiguration) check() string {
	if l.Grid != nil && l.Pip != nil {
		return "has grid and pip, must have at most one of them"
	}
	return ""
}

// GridConfiguration arranges participants in slots of equal size.
type GridConfiguration struct {
	FeaturedParticipantAttribute string           `json:"featuredParticipantAttribute" shape:"attributeKey"`
	OmitStoppedVideo             bool             `json:"omitStoppedVideo"`
	VideoAspectRatio             VideoAspectRatio `json:"videoAspectRatio,omitempty" shape:"aspectRatio"` // default VIDEO
	VideoFillMode                *VideoFillMode   `json:"videoFillMode,omitempty" shape:"fillMode"`       // unset: COVER for tiles, CONTAIN for the featured
	GridGap                      *int             `json:"gridGap,omitempty" shape:"pixels"`               // default 2
	ParticipantOrderAttribute    string           `json:"participantOrderAttribute" shape:"attributeKey"`
}

// PipConfiguration shows one participant in a window over the others.
type PipConfiguration struct {
	FeaturedParticipantAttribute string        `json:"featuredParticipantAttribute" shape:"attributeKey"`
	OmitStoppedVideo             bool          `json:"omitStoppedVideo"`
	VideoFillMode                VideoFillMode `json:"videoFillMode,omitempty" shape:"fillMode"` // default COVER
	GridGap                      int           `json:"gridGap" shape:"pixels"`                   // default 0
	PipParticipantAttribute      string        `json:"pipParticipantAttribute" shape:"attributeKey"`
	PipBehavior                  PipBehavior   `json:"pipBehavior,omitempty" shape:"pipBehavior"` // default STATIC
	PipOffset                    int           `json:"pipOffset" shape:"pixels"`                  // default 0
	PipPosition                  PipPosition   `json:"pipPosition,omitempty" shape:"pipPosition"` // default BOTTOM_RIGHT
	PipWidth                     *int          `json:"pipWidth,omitempty" shape:"pipSide"`        // unset: from the composition's size
	PipHeight                    *int          `json:"pipHeight,omitempty" shape:"pipSide"`
	ParticipantOrderAttribute    string        `json:"participantOrderAttribute" shape:"attributeKey"`
}

// VideoAspectRatio is the shape of a grid's tiles.
type VideoAspectRatio string

// The aspect ratios of tiles.
const (
	AspectAuto     VideoAspectRatio = "AUTO"
	AspectVideo    VideoAspectRatio = "VIDEO"    // 16:9
	AspectSquare   VideoAspectRatio = "SQUARE"   // 1:1
	AspectPortrait VideoAspectRatio = "PORTRAIT" // 3:4
)

// VideoFillMode is how a video fits its tile.
type VideoFillMode string

// The fill modes.
const (
	FillStretch VideoFillMode = "FILL"
	FillCover   VideoFillMode = "COVER"   // cropped
	FillContain VideoFillMode = "CONTAIN" // with bars
)

// PipBehavior is what the window does when all others have left.
type PipBehavior string

// The behaviours of the window.
const (
	PipStatic  PipBehavior = "STATIC"
	PipDynamic PipBehavior = "DYNAMIC" // it fills the video
)

// PipPosition is the corner of the window.
type PipPosition string

// The corners.
const (
	PipTopLeft     PipPosition = "TOP_LEFT"
	PipTopRight    PipPosition = "TOP_RIGHT"
	PipBottomLeft  PipPosition = "BOTTOM_LEFT"
	PipBottomRight PipPosition = "BOTTOM_RIGHT"
)

// StartCompositionInput is the input of StartComposition.
type StartCompositionInput struct {
	StageARN         string                     `json:"stageArn" shape:"stageARN,required"`
	IdempotencyToken string                     `json:"idempotencyToken,omitempty" shape:"idempotencyToken"` // generated by the client if absent
	Layout           *LayoutConfiguration       `json:"layout,omitempty"`                                    // absent: a grid with its defaults
	Destinations     []DestinationConfiguration `json:"destinations" shape:"destinations,required"`
	Tags             map[string]string          `json:"tags,omitempty" shape:"tags"`
}

func (in *StartCompositionInput) check() string {
	if len(in.Destinations) == 2 && (in.Destinations[0].Channel == nil) == (in.Destinations[1].Channel == nil) {
		return "destinations has two of one kind, must have one destination, or one channel and one s3"
	}
	return ""
}

// StartCompositionOutput is the output of StartComposition.
type StartCompositionOutput struct {
	Composition *Composition `json:"composition,omitempty"`
}

// GetCompositionInput is the input of GetComposition.
type GetCompositionInput struct {
	ARN string `json:"arn" shape:"compositionARN,required"`
}

// GetCompositionOutput is the output of GetComposition.
type GetCompositionOutput struct {
	Composition *Composition `json:"composition,omitempty"`
}

// StopCompositionInput is the input of StopComposition.
type StopCompositionInput struct {
	ARN string `json:"arn" shape:"compositionARN,required"`
}

// StopCompositionOutput is the output of StopComposition.
type StopCompositionOutput struct{}

// ListCompositionsInput is the input of ListCompositions; the default page size is 100.
type ListCompositionsInput struct {
	FilterByStageARN                string `json:"filterByStageArn,omitempty" shape:"stageARN"`
	FilterByEncoderConfigurationARN string `json:"filterByEncoderConfigurationArn,omitempty" shape:"encoderARN"`
	NextToken                       string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults                      *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListCompositionsOutput is the output of ListCompositions.
type ListCompositionsOutput struct {
	Compositions []CompositionSummary `json:"compositions"`
	NextToken    string               `json:"nextToken,omitempty"`
}
