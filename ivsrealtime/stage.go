package ivsrealtime

import "time"

// A Stage is a virtual space where participants exchange video in real time.
type Stage struct {
	// The ARN, which names the stage in all operations: arn:aws:ivs:region:account:stage/id.
	ARN string `json:"arn"`
	// A name for people.
	Name            string `json:"name"`
	ActiveSessionID string `json:"activeSessionId,omitempty"` // the running session; absent without one
	// The tags, by key.
	Tags map[string]string `json:"tags"`
	// How each publisher is recorded; absent: not at all.
	AutoParticipantRecordingConfiguration *AutoParticipantRecordingConfiguration `json:"autoParticipantRecordingConfiguration,omitempty"`
	// Where participants connect.
	Endpoints *StageEndpoints `json:"endpoints,omitempty"`
}

// StageEndpoints are the endpoints of a stage for participants. They are stable:
// clients may cache them for 14 days.
type StageEndpoints struct {
	Events string `json:"events,omitempty"` // WebSocket of the events
	// The URL of WHIP, for encoders and browsers.
	WHIP string `json:"whip,omitempty"`
	// The URL of RTMP for encoders; a stream key follows.
	RTMP string `json:"rtmp,omitempty"`
	// The URL of RTMPS for encoders; a stream key follows.
	RTMPS string `json:"rtmps,omitempty"`
}

// StageSummary is a Stage in ListStages.
type StageSummary struct {
	// The ARN, which names the stage in all operations: arn:aws:ivs:region:account:stage/id.
	ARN string `json:"arn"`
	// A name for people.
	Name string `json:"name"`
	// The running session; empty without one.
	ActiveSessionID string `json:"activeSessionId,omitempty"`
	// The tags, by key.
	Tags map[string]string `json:"tags"`
}

// AutoParticipantRecordingConfiguration configures the individual recording of
// publishers. An empty StorageConfigurationARN disables it.
type AutoParticipantRecordingConfiguration struct {
	// Where recordings are stored; empty: participants are not recorded. Required.
	StorageConfigurationARN *string                         `json:"storageConfigurationArn" shape:"storageARNOrEmpty,required"`
	MediaTypes              []ParticipantRecordingMediaType `json:"mediaTypes,omitempty" shape:"recordingMediaTypes"` // default AUDIO_VIDEO
	// Pictures that are stored beside the recording; absent: none.
	ThumbnailConfiguration          *ParticipantThumbnailConfiguration `json:"thumbnailConfiguration,omitempty"`
	RecordingReconnectWindowSeconds *int                               `json:"recordingReconnectWindowSeconds,omitempty" shape:"reconnectWindow"` // default 0
	// The segments of the recording.
	HLSConfiguration          *ParticipantRecordingHLSConfiguration `json:"hlsConfiguration,omitempty"`
	RecordParticipantReplicas *bool                                 `json:"recordParticipantReplicas,omitempty"` // default true
}

// ParticipantThumbnailConfiguration configures thumbnails of individual recording.
type ParticipantThumbnailConfiguration struct {
	TargetIntervalSeconds *int                   `json:"targetIntervalSeconds,omitempty" shape:"thumbnailInterval"` // default 60; settable only with INTERVAL
	Storage               []ThumbnailStorageType `json:"storage,omitempty" shape:"thumbnailStorage"`                // default SEQUENTIAL
	RecordingMode         ThumbnailRecordingMode `json:"recordingMode,omitempty" shape:"thumbnailMode"`             // default DISABLED
}

// ParticipantRecordingHLSConfiguration has the HLS settings of individual recording.
type ParticipantRecordingHLSConfiguration struct {
	TargetSegmentDurationSeconds *int `json:"targetSegmentDurationSeconds,omitempty" shape:"segmentSeconds"` // default 6
}

// ParticipantRecordingMediaType is which media of a participant are recorded.
type ParticipantRecordingMediaType string

// The media types of individual recording.
const (
	RecordAudioVideo ParticipantRecordingMediaType = "AUDIO_VIDEO"
	RecordAudioOnly  ParticipantRecordingMediaType = "AUDIO_ONLY"
	RecordNone       ParticipantRecordingMediaType = "NONE" // thumbnails only
)

// ThumbnailStorageType is how thumbnails are stored in the bucket.
type ThumbnailStorageType string

// The ways thumbnails are stored.
const (
	ThumbnailSequential ThumbnailStorageType = "SEQUENTIAL" // numbered, all kept
	ThumbnailLatest     ThumbnailStorageType = "LATEST"     // one, overwritten
)

// ThumbnailRecordingMode enables the thumbnails of individual recording.
type ThumbnailRecordingMode string

// The thumbnail recording modes.
const (
	ThumbnailInterval ThumbnailRecordingMode = "INTERVAL"
	ThumbnailDisabled ThumbnailRecordingMode = "DISABLED"
)

// CreateStageInput is the input of CreateStage.
type CreateStageInput struct {
	// A name for people. At most 128 letters, digits, hyphens and underscores; names need not be
	// unique.
	Name string `json:"name,omitempty" shape:"name"`
	// Tokens to make with the stage. At most 12.
	ParticipantTokenConfigurations []ParticipantTokenConfiguration `json:"participantTokenConfigurations,omitempty" shape:"tokenConfigurations"`
	// The tags, by key. At most 50; keys have 1 to 128 characters and do not begin with aws:, values
	// have up to 256.
	Tags map[string]string `json:"tags,omitempty" shape:"tags"`
	// How each publisher is recorded; absent: not at all.
	AutoParticipantRecordingConfiguration *AutoParticipantRecordingConfiguration `json:"autoParticipantRecordingConfiguration,omitempty"`
}

// CreateStageOutput is the output of CreateStage.
type CreateStageOutput struct {
	// The stage.
	Stage             *Stage             `json:"stage,omitempty"`
	ParticipantTokens []ParticipantToken `json:"participantTokens,omitempty"` // in the order of the request
}

// GetStageInput is the input of GetStage.
type GetStageInput struct {
	// The ARN of the stage. Required.
	ARN string `json:"arn" shape:"stageARN,required"`
}

// GetStageOutput is the output of GetStage.
type GetStageOutput struct {
	// The stage.
	Stage *Stage `json:"stage,omitempty"`
}

// UpdateStageInput is the input of UpdateStage. A recording configuration
// replaces the whole one of the stage.
type UpdateStageInput struct {
	// The ARN of the stage. Required.
	ARN string `json:"arn" shape:"stageARN,required"`
	// The new name; absent: as before. At most 128 letters, digits, hyphens and underscores; names
	// need not be unique.
	Name *string `json:"name,omitempty" shape:"name"`
	// How each publisher is recorded from now on; absent: as before.
	AutoParticipantRecordingConfiguration *AutoParticipantRecordingConfiguration `json:"autoParticipantRecordingConfiguration,omitempty"`
}

// UpdateStageOutput is the output of UpdateStage.
type UpdateStageOutput struct {
	// The stage.
	Stage *Stage `json:"stage,omitempty"`
}

// DeleteStageInput is the input of DeleteStage.
type DeleteStageInput struct {
	// The ARN of the stage. Required.
	ARN string `json:"arn" shape:"stageARN,required"`
}

// DeleteStageOutput is the output of DeleteStage.
type DeleteStageOutput struct{}

// ListStagesInput is the input of ListStages; the default page size is 50.
type ListStagesInput struct {
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListStagesOutput is the output of ListStages.
type ListStagesOutput struct {
	// The stages of this page.
	Stages []StageSummary `json:"stages"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}

// A StageSession is a session of a stage, from the first join until after the last
// leave.
type StageSession struct {
	// The id of the session, unique within the stage.
	SessionID string `json:"sessionId,omitempty"`
	// When the first participant joined.
	StartTime time.Time `json:"startTime,omitzero"`
	EndTime   time.Time `json:"endTime,omitzero"` // absent while the session runs
}

// StageSessionSummary is a StageSession in ListStageSessions.
type StageSessionSummary struct {
	// The id of the session, unique within the stage.
	SessionID string `json:"sessionId,omitempty"`
	// When the first participant joined.
	StartTime time.Time `json:"startTime,omitzero"`
	// When it ended; zero while it runs.
	EndTime time.Time `json:"endTime,omitzero"`
}

// GetStageSessionInput is the input of GetStageSession.
type GetStageSessionInput struct {
	// The ARN of the stage. Required.
	StageARN string `json:"stageArn" shape:"stageARN,required"`
	// The id of the session, unique within the stage. 16 characters: st- and 13 letters or digits.
	// Required.
	SessionID string `json:"sessionId" shape:"sessionID,required"`
}

// GetStageSessionOutput is the output of GetStageSession.
type GetStageSessionOutput struct {
	// The session.
	StageSession *StageSession `json:"stageSession,omitempty"`
}

// ListStageSessionsInput is the input of ListStageSessions; the default page size is 50.
type ListStageSessionsInput struct {
	// The ARN of the stage. Required.
	StageARN string `json:"stageArn" shape:"stageARN,required"`
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListStageSessionsOutput is the output of ListStageSessions.
type ListStageSessionsOutput struct {
	// The sessions of this page.
	StageSessions []StageSessionSummary `json:"stageSessions"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}
