package ivsrealtime

import "time"

// A Stage is a virtual space where participants exchange video in real time.
type Stage struct {
	ARN                                   string                                 `json:"arn"`
	Name                                  string                                 `json:"name"`
	ActiveSessionID                       string                                 `json:"activeSessionId,omitempty"` // the running session; absent without one
	Tags                                  map[string]string                      `json:"tags"`
	AutoParticipantRecordingConfiguration *AutoParticipantRecordingConfiguration `json:"autoParticipantRecordingConfiguration,omitempty"`
	Endpoints                             *StageEndpoints                        `json:"endpoints,omitempty"`
}

// StageEndpoints are the endpoints of a stage for participants. They are stable:
// clients may cache them for 14 days.
type StageEndpoints struct {
	Events string `json:"events,omitempty"` // WebSocket of the events
	WHIP   string `json:"whip,omitempty"`
	RTMP   string `json:"rtmp,omitempty"`
	RTMPS  string `json:"rtmps,omitempty"`
}

// StageSummary is a Stage in ListStages.
type StageSummary struct {
	ARN             string            `json:"arn"`
	Name            string            `json:"name"`
	ActiveSessionID string            `json:"activeSessionId,omitempty"`
	Tags            map[string]string `json:"tags"`
}

// AutoParticipantRecordingConfiguration configures the individual recording of
// publishers. An empty StorageConfigurationARN disables it.
type AutoParticipantRecordingConfiguration struct {
	StorageConfigurationARN         *string                               `json:"storageConfigurationArn" shape:"storageARNOrEmpty,required"`
	MediaTypes                      []ParticipantRecordingMediaType       `json:"mediaTypes,omitempty" shape:"recordingMediaTypes"` // default AUDIO_VIDEO
	ThumbnailConfiguration          *ParticipantThumbnailConfiguration    `json:"thumbnailConfiguration,omitempty"`
	RecordingReconnectWindowSeconds *int                                  `json:"recordingReconnectWindowSeconds,omitempty" shape:"reconnectWindow"` // default 0
	HLSConfiguration                *ParticipantRecordingHLSConfiguration `json:"hlsConfiguration,omitempty"`
	RecordParticipantReplicas       *bool                                 `json:"recordParticipantReplicas,omitempty"` // default true
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
	Name                                  string                                 `json:"name,omitempty" shape:"name"`
	ParticipantTokenConfigurations        []ParticipantTokenConfiguration        `json:"participantTokenConfigurations,omitempty" shape:"tokenConfigurations"`
	Tags                                  map[string]string                      `json:"tags,omitempty" shape:"tags"`
	AutoParticipantRecordingConfiguration *AutoParticipantRecordingConfiguration `json:"autoParticipantRecordingConfiguration,omitempty"`
}

// CreateStageOutput is the output of CreateStage.
type CreateStageOutput struct {
	Stage             *Stage             `json:"stage,omitempty"`
	ParticipantTokens []ParticipantToken `json:"participantTokens,omitempty"` // in the order of the request
}

// GetStageInput is the input of GetStage.
type GetStageInput struct {
	ARN string `json:"arn" shape:"stageARN,required"`
}

// GetStageOutput is the output of GetStage.
type GetStageOutput struct {
	Stage *Stage `json:"stage,omitempty"`
}

// UpdateStageInput is the input of UpdateStage. A recording configuration
// replaces the whole one of the stage.
type UpdateStageInput struct {
	ARN                                   string                                 `json:"arn" shape:"stageARN,required"`
	Name                                  *string                                `json:"name,omitempty" shape:"name"`
	AutoParticipantRecordingConfiguration *AutoParticipantRecordingConfiguration `json:"autoParticipantRecordingConfiguration,omitempty"`
}

// UpdateStageOutput is the output of UpdateStage.
type UpdateStageOutput struct {
	Stage *Stage `json:"stage,omitempty"`
}

// DeleteStageInput is the input of DeleteStage.
type DeleteStageInput struct {
	ARN string `json:"arn" shape:"stageARN,required"`
}

// DeleteStageOutput is the output of DeleteStage.
type DeleteStageOutput struct{}

// ListStagesInput is the input of ListStages; the default page size is 50.
type ListStagesInput struct {
	NextToken  string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListStagesOutput is the output of ListStages.
type ListStagesOutput struct {
	Stages    []StageSummary `json:"stages"`
	NextToken string         `json:"nextToken,omitempty"`
}

// A StageSession is a session of a stage, from the first join until after the last
// leave.
type StageSession struct {
	SessionID string    `json:"sessionId,omitempty"`
	StartTime time.Time `json:"startTime,omitzero"`
	EndTime   time.Time `json:"endTime,omitzero"` // absent while the session runs
}

// StageSessionSummary is a StageSession in ListStageSessions.
type StageSessionSummary struct {
	SessionID string    `json:"sessionId,omitempty"`
	StartTime time.Time `json:"startTime,omitzero"`
	EndTime   time.Time `json:"endTime,omitzero"`
}

// GetStageSessionInput is the input of GetStageSession.
type GetStageSessionInput struct {
	StageARN  string `json:"stageArn" shape:"stageARN,required"`
	SessionID string `json:"sessionId" shape:"sessionID,required"`
}

// GetStageSessionOutput is the output of GetStageSession.
type GetStageSessionOutput struct {
	StageSession *StageSession `json:"stageSession,omitempty"`
}

// ListStageSessionsInput is the input of ListStageSessions; the default page size is 50.
type ListStageSessionsInput struct {
	StageARN   string `json:"stageArn" shape:"stageARN,required"`
	NextToken  string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListStageSessionsOutput is the output of ListStageSessions.
type ListStageSessionsOutput struct {
	StageSessions []StageSessionSummary `json:"stageSessions"`
	NextToken     string                `json:"nextToken,omitempty"`
}
