package ivsrealtime

import (
	"time"

	"rostrum/internal/shape"
)

// A Participant is one token's presence in a session.
type Participant struct {
	ParticipantID          string              `json:"participantId,omitempty"`
	UserID                 string              `json:"userId"`
	State                  ParticipantState    `json:"state,omitempty"`
	FirstJoinTime          time.Time           `json:"firstJoinTime,omitzero"`
	Attributes             map[string]string   `json:"attributes"`
	Published              bool                `json:"published"` // ever, in this session
	ISPName                string              `json:"ispName"`
	OSName                 string              `json:"osName"`
	OSVersion              string              `json:"osVersion"`
	BrowserName            string              `json:"browserName"`
	BrowserVersion         string              `json:"browserVersion"`
	SDKVersion             string              `json:"sdkVersion"`
	RecordingS3BucketName  string              `json:"recordingS3BucketName"`
	RecordingS3Prefix      string              `json:"recordingS3Prefix"`
	RecordingState         RecordingState      `json:"recordingState,omitempty"`
	Protocol               ParticipantProtocol `json:"protocol,omitempty"`
	ReplicationType        ReplicationType     `json:"replicationType,omitempty"`
	ReplicationState       ReplicationState    `json:"replicationState,omitempty"`
	SourceStageARN         string              `json:"sourceStageArn,omitempty"`  // of a replica
	SourceSessionID        string              `json:"sourceSessionId,omitempty"` // of a replica
	RedundantIngest        bool                `json:"redundantIngest,omitempty"`
	IngestConfigurationARN string              `json:"ingestConfigurationArn,omitempty"`
}

// ParticipantSummary is a Participant in ListParticipants.
type ParticipantSummary struct {
	ParticipantID          string           `json:"participantId,omitempty"`
	UserID                 string           `json:"userId"`
	State                  ParticipantState `json:"state,omitempty"`
	FirstJoinTime          time.Time        `json:"firstJoinTime,omitzero"`
	Published              bool             `json:"published"`
	RecordingState         RecordingState   `json:"recordingState,omitempty"`
	ReplicationType        ReplicationType  `json:"replicationType,omitempty"`
	ReplicationState       ReplicationState `json:"replicationState,omitempty"`
	SourceStageARN         string           `json:"sourceStageArn,omitempty"`
	SourceSessionID        string           `json:"sourceSessionId,omitempty"`
	RedundantIngest        bool             `json:"redundantIngest,omitempty"`
	IngestConfigurationARN string           `json:"ingestConfigurationArn,omitempty"`
}

// ParticipantState is whether a participant is connected.
type ParticipantState string

// The states of a participant.
const (
	ParticipantConnected    ParticipantState = "CONNECTED"
	ParticipantDisconnected ParticipantState = "DISCONNECTED"
)

// ParticipantProtocol is the protocol of a participant's media.
type ParticipantProtocol string

// The protocols of a participant.
const (
	ProtocolUnknown ParticipantProtocol = "UNKNOWN"
	ProtocolWHIP    ParticipantProtocol = "WHIP"
	ProtocolRTMP    ParticipantProtocol = "RTMP"
	ProtocolRTMPS   ParticipantProtocol = "RTMPS"
)

// RecordingState is the state of a participant's individual recording.
type RecordingState string

// The states of individual recording.
const (
	RecordingStarting RecordingState = "STARTING"
	RecordingActive   RecordingState = "ACTIVE"
	RecordingStopping RecordingState = "STOPPING"
	RecordingStopped  RecordingState = "STOPPED"
	RecordingFailed   RecordingState = "FAILED"
	RecordingDisabled RecordingState = "DISABLED" // not allowed as a filter
)

// ReplicationType is whether a participant is replicated or a replica.
type ReplicationType string

// The replication types.
const (
	ReplicationSource  ReplicationType = "SOURCE"
	ReplicationReplica ReplicationType = "REPLICA"
	ReplicationNone    ReplicationType = "NONE"
)

// ReplicationState is the state of one replication.
type ReplicationState string

// The states of a replication.
const (
	ReplicationActive  ReplicationState = "ACTIVE"
	ReplicationStopped ReplicationState = "STOPPED"
)

// GetParticipantInput is the input of GetParticipant.
type GetParticipantInput struct {
	StageARN      string `json:"stageArn" shape:"stageARN,required"`
	SessionID     string `json:"sessionId" shape:"sessionID,required"`
	ParticipantID string `json:"participantId" shape:"participantID,required"`
}

// GetParticipantOutput is the output of GetParticipant.
type GetParticipantOutput struct {
	Participant *Participant `json:"participant,omitempty"`
}

// ListParticipantsInput is the input of ListParticipants. At most one filter
// may be given; the default page size is 50.
type ListParticipantsInput struct {
	StageARN               string           `json:"stageArn" shape:"stageARN,required"`
	SessionID              string           `json:"sessionId" shape:"sessionID,required"`
	FilterByUserID         *string          `json:"filterByUserId,omitempty" shape:"userID"`
	FilterByPublished      bool             `json:"filterByPublished,omitempty"` // false is no filter
	FilterByState          ParticipantState `json:"filterByState,omitempty" shape:"participantState"`
	FilterByRecordingState RecordingState   `json:"filterByRecordingState,omitempty" shape:"recordingStateFilter"`
	NextToken              string           `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults             *int             `json:"maxResults,omitempty" shape:"maxResults"`
}

func (in *ListParticipantsInput) check() string {
	return shape.Exclusive("filterByUserId, filterByPublished, filterByState, filterByRecordingState",
		in.FilterByUserID != nil, in.FilterByPublished, in.FilterByState != "", in.FilterByRecordingState != "")
}

// ListParticipantsOutput is the output of ListParticipants.
type ListParticipantsOutput struct {
	Participants []ParticipantSummary `json:"participants"`
	NextToken    string               `json:"nextToken,omitempty"`
}

// DisconnectParticipantInput is the input of DisconnectParticipant.
type DisconnectParticipantInput struct {
	StageARN      string `json:"stageArn" shape:"stageARN,required"`
	ParticipantID string `json:"participantId" shape:"participantID,required"`
	Reason        string `json:"reason,omitempty" shape:"disconnectReason"`
}

// DisconnectParticipantOutput is the output of DisconnectParticipant.
type DisconnectParticipantOutput struct{}

// An Event is an event of a participant in a session.
type Event struct {
	Name                 EventName                  `json:"name,omitempty"`
	ParticipantID        string                     `json:"participantId,omitempty"`
	EventTime            time.Time                  `json:"eventTime,omitzero"`
	RemoteParticipantID  string                     `json:"remoteParticipantId,omitempty"` // the publisher of a SUBSCRIBE event
	ErrorCode            EventErrorCode             `json:"errorCode,omitempty"`
	DestinationStageARN  string                     `json:"destinationStageArn,omitempty"`
	DestinationSessionID string                     `json:"destinationSessionId,omitempty"`
	Replica              bool                       `json:"replica"`
	PreviousToken        *ExchangedParticipantToken `json:"previousToken,omitempty"`
	NewToken             *ExchangedParticipantToken `json:"newToken,omitempty"`
}

// EventName names a participant event.
type EventName string

// The participant events.
const (
	EventJoined             EventName = "JOINED"
	EventLeft               EventName = "LEFT"
	EventPublishStarted     EventName = "PUBLISH_STARTED"
	EventPublishStopped     EventName = "PUBLISH_STOPPED"
	EventSubscribeStarted   EventName = "SUBSCRIBE_STARTED"
	EventSubscribeStopped   EventName = "SUBSCRIBE_STOPPED"
	EventPublishError       EventName = "PUBLISH_ERROR"
	EventSubscribeError     EventName = "SUBSCRIBE_ERROR"
	EventJoinError          EventName = "JOIN_ERROR"
	EventReplicationStarted EventName = "REPLICATION_STARTED"
	EventReplicationStopped EventName = "REPLICATION_STOPPED"
	EventTokenExchanged     EventName = "TOKEN_EXCHANGED"
)

// EventErrorCode is the reason of an error event.
type EventErrorCode string

// The error codes of participant events.
const (
	ErrorInsufficientCapabilities EventErrorCode = "INSUFFICIENT_CAPABILITIES"
	ErrorQuotaExceeded            EventErrorCode = "QUOTA_EXCEEDED"
	ErrorPublisherNotFound        EventErrorCode = "PUBLISHER_NOT_FOUND"
	ErrorBitrateExceeded          EventErrorCode = "BITRATE_EXCEEDED"
	ErrorResolutionExceeded       EventErrorCode = "RESOLUTION_EXCEEDED"
	ErrorStreamDurationExceeded   EventErrorCode = "STREAM_DURATION_EXCEEDED"
	ErrorInvalidAudioCodec        EventErrorCode = "INVALID_AUDIO_CODEC"
	ErrorInvalidVideoCodec        EventErrorCode = "INVALID_VIDEO_CODEC"
	ErrorInvalidProtocol          EventErrorCode = "INVALID_PROTOCOL"
	ErrorInvalidStreamKey         EventErrorCode = "INVALID_STREAM_KEY"
	ErrorReuseOfStreamKey         EventErrorCode = "REUSE_OF_STREAM_KEY"
	ErrorBFramePresent            EventErrorCode = "B_FRAME_PRESENT"
	ErrorInvalidInput             EventErrorCode = "INVALID_INPUT"
	ErrorInternalServer           EventErrorCode = "INTERNAL_SERVER_EXCEPTION"
)

// ListParticipantEventsInput is the input of ListParticipantEvents; the default page size is 50.
type ListParticipantEventsInput struct {
	StageARN      string `json:"stageArn" shape:"stageARN,required"`
	SessionID     string `json:"sessionId" shape:"sessionID,required"`
	ParticipantID string `json:"participantId" shape:"participantID,required"`
	NextToken     string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults    *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListParticipantEventsOutput is the output of ListParticipantEvents.
type ListParticipantEventsOutput struct {
	Events    []Event `json:"events"`
	NextToken string  `json:"nextToken,omitempty"`
}
