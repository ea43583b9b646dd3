package ivsrealtime

import "time"

// A Composition combines the participants of a stage into one video and one audio
// track, and sends them to its destinations.
type Composition struct {
	// The ARN, which names the composition in all operations:
	// arn:aws:ivs:region:account:composition/id.
	ARN string `json:"arn"`
	// The ARN of the stage.
	StageARN string `json:"stageArn"`
	// STARTING, ACTIVE, STOPPING, then STOPPED or FAILED. Five minutes after the end the composition
	// is gone.
	State CompositionState `json:"state"`
	// Where the participants are in the video.
	Layout *LayoutConfiguration `json:"layout"`
	// Where the video goes, one or two.
	Destinations []Destination `json:"destinations"`
	// The tags, by key.
	Tags map[string]string `json:"tags"`
	// When it began; zero if it has not.
	StartTime time.Time `json:"startTime,omitzero"`
	// When it ended; zero while it runs.
	EndTime time.Time `json:"endTime,omitzero"`
}

// CompositionSummary is a Composition in ListCompositions.
type CompositionSummary struct {
	// The ARN, which names the composition in all operations:
	// arn:aws:ivs:region:account:composition/id.
	ARN string `json:"arn"`
	// The ARN of the stage.
	StageARN string `json:"stageArn"`
	// Where the video goes, in short.
	Destinations []DestinationSummary `json:"destinations"`
	// STARTING, ACTIVE, STOPPING, then STOPPED or FAILED.
	State CompositionState `json:"state"`
	// The tags, by key.
	Tags map[string]string `json:"tags"`
	// When it began; zero if it has not.
	StartTime time.Time `json:"startTime,omitzero"`
	// When it ended; zero while it runs.
	EndTime time.Time `json:"endTime,omitzero"`
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
	// Twelve letters and digits, unique within the composition.
	ID string `json:"id"`
	// STARTING, ACTIVE, perhaps RECONNECTING, STOPPING, then STOPPED or FAILED.
	State DestinationState `json:"state"`
	// When it began; zero if it has not.
	StartTime time.Time `json:"startTime,omitzero"`
	// When it ended; zero while it runs.
	EndTime time.Time `json:"endTime,omitzero"`
	// What StartComposition was given.
	Configuration *DestinationConfiguration `json:"configuration"`
	// What the service knows of the recording; absent for a channel.
	Detail *DestinationDetail `json:"detail,omitempty"`
}

// DestinationSummary is a Destination in ListCompositions.
type DestinationSummary struct {
	// Twelve letters and digits, unique within the composition.
	ID string `json:"id"`
	// STARTING, ACTIVE, perhaps RECONNECTING, STOPPING, then STOPPED or FAILED.
	State DestinationState `json:"state"`
	// When it began; zero if it has not.
	StartTime time.Time `json:"startTime,omitzero"`
	// When it ended; zero while it runs.
	EndTime time.Time `json:"endTime,omitzero"`
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
	// Where a recording is.
	S3 *S3Detail `json:"s3,omitempty"`
}

// S3Detail is where in the bucket a composition is recorded.
type S3Detail struct {
	// What the names of all files of the recording begin with.
	RecordingPrefix string `json:"recordingPrefix"`
}

// DestinationConfiguration configures a destination: a channel or a bucket.
type DestinationConfiguration struct {
	// A name for people. At most 128 letters, digits, hyphens and underscores; names need not be
	// unique.
	Name string `json:"name" shape:"name"`
	// A channel to stream to; excludes S3.
	Channel *ChannelDestinationConfiguration `json:"channel,omitempty"`
	// A bucket to record into; excludes Channel.
	S3 *S3DestinationConfiguration `json:"s3,omitempty"`
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
	// The channel, which must be offline, of the same account and region. Required.
	ChannelARN              string `json:"channelArn" shape:"channelARN,required"`
	EncoderConfigurationARN string `json:"encoderConfigurationArn,omitempty" shape:"encoderARN"` // absent: the encoder defaults
}

// S3DestinationConfiguration records a composition into a bucket.
type S3DestinationConfiguration struct {
	// The bucket. Required.
	StorageConfigurationARN string `json:"storageConfigurationArn" shape:"storageARN,required"`
	// The format of the video. Exactly one. Required.
	EncoderConfigurationARNs []string `json:"encoderConfigurationArns" shape:"encoderARNs,required"`
	// The files of the recording; absent: HLS with its defaults.
	RecordingConfiguration *RecordingConfiguration `json:"recordingConfiguration,omitempty"`
	// Pictures that are stored beside the recording; absent: none. At most one.
	ThumbnailConfigurations []CompositionThumbnailConfiguration `json:"thumbnailConfigurations,omitempty" shape:"compositionThumbnails"`
}

// RecordingConfiguration configures the recording of a composition.
type RecordingConfiguration struct {
	// The segments of the recording.
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
	// Tiles of equal size, or one large and the others in a row; excludes Pip.
	Grid *GridConfiguration `json:"grid,omitempty"`
	// One participant in a window over the others; excludes Grid.
	Pip *PipConfiguration `json:"pip,omitempty"`
}

func (l *LayoutConfiguration) check() string {
	if l.Grid != nil && l.Pip != nil {
		return "has grid and pip, must have at most one of them"
	}
	return ""
}

// GridConfiguration arranges participants in slots of equal size.
type GridConfiguration struct {
	// The attribute that, with the value true, makes a participant featured. At most 128
	// letters, digits, hyphens and underscores.
	FeaturedParticipantAttribute string `json:"featuredParticipantAttribute" shape:"attributeKey"`
	// Whether participants whose video is stopped have no tile.
	OmitStoppedVideo bool             `json:"omitStoppedVideo"`
	VideoAspectRatio VideoAspectRatio `json:"videoAspectRatio,omitempty" shape:"aspectRatio"` // default VIDEO
	VideoFillMode    *VideoFillMode   `json:"videoFillMode,omitempty" shape:"fillMode"`       // unset: COVER for tiles, CONTAIN for the featured
	GridGap          *int             `json:"gridGap,omitempty" shape:"pixels"`               // default 2
	// The attribute with an integer by which tiles are ordered, the lowest first; empty: the order of
	// their arrival. At most 128 letters, digits, hyphens and underscores.
	ParticipantOrderAttribute string `json:"participantOrderAttribute" shape:"attributeKey"`
}

// PipConfiguration shows one participant in a window over the others.
type PipConfiguration struct {
	// The attribute that, with the value true, makes a participant featured. At most 128
	// letters, digits, hyphens and underscores.
	FeaturedParticipantAttribute string `json:"featuredParticipantAttribute" shape:"attributeKey"`
	// Whether participants whose video is stopped have no tile.
	OmitStoppedVideo bool          `json:"omitStoppedVideo"`
	VideoFillMode    VideoFillMode `json:"videoFillMode,omitempty" shape:"fillMode"` // default COVER
	GridGap          int           `json:"gridGap" shape:"pixels"`                   // default 0
	// The attribute that, with the value true, puts a participant into the window. At most 128
	// letters, digits, hyphens and underscores.
	PipParticipantAttribute string      `json:"pipParticipantAttribute" shape:"attributeKey"`
	PipBehavior             PipBehavior `json:"pipBehavior,omitempty" shape:"pipBehavior"` // default STATIC
	PipOffset               int         `json:"pipOffset" shape:"pixels"`                  // default 0
	PipPosition             PipPosition `json:"pipPosition,omitempty" shape:"pipPosition"` // default BOTTOM_RIGHT
	PipWidth                *int        `json:"pipWidth,omitempty" shape:"pipSide"`        // unset: from the composition's size
	// The height of the window. Pixels, at least 1; absent: from the size of the composition.
	PipHeight *int `json:"pipHeight,omitempty" shape:"pipSide"`
	// The attribute with an integer by which tiles are ordered, the lowest first; empty: the order of
	// their arrival. At most 128 letters, digits, hyphens and underscores.
	ParticipantOrderAttribute string `json:"participantOrderAttribute" shape:"attributeKey"`
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
	// The ARN of the stage. Required.
	StageARN         string               `json:"stageArn" shape:"stageARN,required"`
	IdempotencyToken string               `json:"idempotencyToken,omitempty" shape:"idempotencyToken"` // generated by the client if absent
	Layout           *LayoutConfiguration `json:"layout,omitempty"`                                    // absent: a grid with its defaults
	// Where the video goes. One, or one channel and one bucket. Required.
	Destinations []DestinationConfiguration `json:"destinations" shape:"destinations,required"`
	// The tags, by key. At most 50; keys have 1 to 128 characters and do not begin with aws:, values
	// have up to 256.
	Tags map[string]string `json:"tags,omitempty" shape:"tags"`
}

func (in *StartCompositionInput) check() string {
	if len(in.Destinations) == 2 && (in.Destinations[0].Channel == nil) == (in.Destinations[1].Channel == nil) {
		return "destinations has two of one kind, must have one destination, or one channel and one s3"
	}
	return ""
}

// StartCompositionOutput is the output of StartComposition.
type StartCompositionOutput struct {
	// The composition.
	Composition *Composition `json:"composition,omitempty"`
}

// GetCompositionInput is the input of GetComposition.
type GetCompositionInput struct {
	// The ARN of the composition. Required.
	ARN string `json:"arn" shape:"compositionARN,required"`
}

// GetCompositionOutput is the output of GetComposition.
type GetCompositionOutput struct {
	// The composition.
	Composition *Composition `json:"composition,omitempty"`
}

// StopCompositionInput is the input of StopComposition.
type StopCompositionInput struct {
	// The ARN of the composition. Required.
	ARN string `json:"arn" shape:"compositionARN,required"`
}

// StopCompositionOutput is the output of StopComposition.
type StopCompositionOutput struct{}

// ListCompositionsInput is the input of ListCompositions; the default page size is 100.
type ListCompositionsInput struct {
	// Only compositions of this stage; empty: of all.
	FilterByStageARN string `json:"filterByStageArn,omitempty" shape:"stageARN"`
	// Only compositions with this encoder configuration; empty: with any.
	FilterByEncoderConfigurationARN string `json:"filterByEncoderConfigurationArn,omitempty" shape:"encoderARN"`
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListCompositionsOutput is the output of ListCompositions.
type ListCompositionsOutput struct {
	// The compositions of this page.
	Compositions []CompositionSummary `json:"compositions"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}
