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

// StageEndpoints tells clients where to reach a stage. They stay stable for
// the life of the stage: clients may keep them for 14 days.
type StageEndpoints struct {
	Events string `json:"events,omitempty"` // WebSocket of the participant's events
	WHIP   string `json:"whip,omitempty"`
	RTMP   string `json:"rtmp,omitempty"`
	RTMPS  string `json:"rtmps,omitempty"`
}

// StageSummary is a Stage as ListStages shows it.
type StageSummary struct {
	ARN             string            `json:"arn"`
	Name            string            `json:"name"`
	ActiveSessionID string            `json:"activeSessionId,omitempty"`
	Tags            map[string]string `json:"tags"`
}

// AutoParticipantRecordingConfiguration says whether and how each publisher of
// a stage is recorded on its own. An empty StorageConfigurationARN means not.
type AutoParticipantRecordingConfiguration struct {
	StorageConfigurationARN         *string                               `json:"storageConfigurationArn" shape:"storageARNOrEmpty,required"`
	MediaTypes                      []ParticipantRecordingMediaType       `json:"mediaTypes,omitempty" shape:"recordingMediaTypes"` // default AUDIO_VIDEO
	ThumbnailConfiguration          *ParticipantThumbnailConfiguration    `json:"thumbnailConfiguration,omitempty"`
	RecordingReconnectWindowSeconds *int                                  `json:"recordingReconnectWindowSeconds,omitempty" shape:"reconnectWindow"` // default 0
	HLSConfiguration                *ParticipantRecordingHLSConfiguration `json:"hlsConfiguration,omitempty"`
	RecordParticipantReplicas       *bool                                 `json:"recordParticipantReplicas,omitempty"` // default true
}

// ParticipantThumbnailConfiguration says how thumbnails of a recorded participant are kept.
type ParticipantThumbnailConfiguration struct {
	TargetIntervalSeconds *int                   `json:"targetIntervalSeconds,omitempty" shape:"thumbnailInterval"` // default 60; settable only with INTERVAL
	Storage               []ThumbnailStorageType `json:"storage,omitempty" shape:"thumbnailStorage"`                // default SEQUENTIAL
	RecordingMode         ThumbnailRecordingMode `json:"recordingMode,omitempty" shape:"thumbnailMode"`             // default DISABLED
}

// ParticipantRecordingHLSConfiguration holds the HLS settings of individual recording.
type ParticipantRecordingHLSConfiguration struct {
	TargetSegmentDurationSeconds *int `json:"targetSegmentDurationSeconds,omitempty" shape:"segmentSeconds"` // default 6
}

// ParticipantRecordingMediaType says which media of a participant are recorded.
type ParticipantRecordingMediaType string

// The media types of individual recording.
const (
	RecordAudioVideo ParticipantRecordingMediaType = "AUDIO_VIDEO"
	RecordAudioOnly  ParticipantRecordingMediaType = "AUDIO_ONLY"
	RecordNone       ParticipantRecordingMediaType = "NONE" // thumbnails only
)

// ThumbnailStorageType says how thumbnails are named in the bucket.
type ThumbnailStorageType string

// The ways thumbnails are stored.
const (
	ThumbnailSequential ThumbnailStorageType = "SEQUENTIAL" // numbered, all kept
	ThumbnailLatest     ThumbnailStorageType = "LATEST"     // one, overwritten
)

// ThumbnailRecordingMode switches the thumbnails of individual recording.
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
	ParticipantTokens []ParticipantToken `json:"participantTokens,omitempty"` // in the order they were asked for
}

// GetStageInput is the input of GetStage.
type GetStageInput struct {
	ARN string `json:"arn" shape:"stageARN,required"`
}

// GetStageOutput is the output of GetStage.
type GetStageOutput struct {
	Stage *Stage `json:"stage,omitempty"`
}

// UpdateStageInput is the input of UpdateStage. A recording configuration that
// is given replaces the stage's whole.
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

// ListStagesInput is the input of ListStages; a page holds 50 unless told.
type ListStagesInput struct {
	NextToken  string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListStagesOutput is the output of ListStages.
type ListStagesOutput struct {
	Stages    []StageSummary `json:"stages"`
	NextToken string         `json:"nextToken,omitempty"`
}

// A StageSession is one sitting of a stage, from the first join to after the last leave.
type StageSession struct {
	SessionID string    `json:"sessionId,omitempty"`
	StartTime time.Time `json:"startTime,omitzero"`
	EndTime   time.Time `json:"endTime,omitzero"` // absent while the session runs
}

// StageSessionSummary is a StageSession as ListStageSessions shows it.
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

// ListStageSessionsInput is the input of ListStageSessions; a page holds 50 unless told.
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
