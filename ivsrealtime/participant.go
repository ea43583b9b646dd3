package ivsrealtime

import (
	"time"

	"rostrum/internal/shape"
)

// A Participant is one token's presence in a session.
type Participant struct {
	// The id that the service gave the participant with its token.
	ParticipantID string `json:"participantId,omitempty"`
	// The id that the application gave the user; the service does not interpret it.
	UserID string `json:"userId"`
	// CONNECTED, or DISCONNECTED after the end.
	State ParticipantState `json:"state,omitempty"`
	// When the participant first joined in this session.
	FirstJoinTime time.Time `json:"firstJoinTime,omitzero"`
	// What the application tells all participants about this one.
	Attributes map[string]string `json:"attributes"`
	Published  bool              `json:"published"` // ever, in this session
	// The network provider of the participant, where it is known.
	ISPName string `json:"ispName"`
	// The operating system, if the participant tells it.
	OSName string `json:"osName"`
	// The version of the operating system.
	OSVersion string `json:"osVersion"`
	// The browser, if the participant is one and tells it.
	BrowserName string `json:"browserName"`
	// The version of the browser.
	BrowserVersion string `json:"browserVersion"`
	// The version of the SDK, if the participant has one and tells it.
	SDKVersion string `json:"sdkVersion"`
	// The bucket of the recording; empty if there is none.
	RecordingS3BucketName string `json:"recordingS3BucketName"`
	// What the names of all files of the recording begin with.
	RecordingS3Prefix string `json:"recordingS3Prefix"`
	// The state of the recording of this participant.
	RecordingState RecordingState `json:"recordingState,omitempty"`
	// How the media of a publisher come.
	Protocol ParticipantProtocol `json:"protocol,omitempty"`
	// Whether the participant is replicated, is a replica, or neither.
	ReplicationType ReplicationType `json:"replicationType,omitempty"`
	// Whether the replication runs.
	ReplicationState ReplicationState `json:"replicationState,omitempty"`
	SourceStageARN   string           `json:"sourceStageArn,omitempty"`  // of a replica
	SourceSessionID  string           `json:"sourceSessionId,omitempty"` // of a replica
	// Whether two encoders, each with a stream key, send the same.
	RedundantIngest bool `json:"redundantIngest,omitempty"`
	// The ingest configuration whose stream key the participant used; empty for all others.
	IngestConfigurationARN string `json:"ingestConfigurationArn,omitempty"`
}

// ParticipantSummary is a Participant in ListParticipants.
type ParticipantSummary struct {
	// The id that the service gave the participant with its token.
	ParticipantID string `json:"participantId,omitempty"`
	// The id that the application gave the user; the service does not interpret it.
	UserID string `json:"userId"`
	// CONNECTED, or DISCONNECTED after the end.
	State ParticipantState `json:"state,omitempty"`
	// When the participant first joined in this session.
	FirstJoinTime time.Time `json:"firstJoinTime,omitzero"`
	// Whether the participant ever published in this session.
	Published bool `json:"published"`
	// The state of the recording of this participant.
	RecordingState RecordingState `json:"recordingState,omitempty"`
	// Whether the participant is replicated, is a replica, or neither.
	ReplicationType ReplicationType `json:"replicationType,omitempty"`
	// Whether the replication runs.
	ReplicationState ReplicationState `json:"replicationState,omitempty"`
	// The stage of which the participant is a replica; empty if it is none.
	SourceStageARN string `json:"sourceStageArn,omitempty"`
	// The session of that stage.
	SourceSessionID string `json:"sourceSessionId,omitempty"`
	// Whether two encoders, each with a stream key, send the same.
	RedundantIngest bool `json:"redundantIngest,omitempty"`
	// The ingest configuration whose stream key the participant used; empty for all others.
	IngestConfigurationARN string `json:"ingestConfigurationArn,omitempty"`
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
	// The ARN of the stage. Required.
	StageARN string `json:"stageArn" shape:"stageARN,required"`
	// The id of the session, unique within the stage. 16 characters: st- and 13 letters or digits.
	// Required.
	SessionID string `json:"sessionId" shape:"sessionID,required"`
	// The id that the service gave the participant with its token. At most 64 letters, digits,
	// hyphens and underscores. Required.
	ParticipantID string `json:"participantId" shape:"participantID,required"`
}

// GetParticipantOutput is the output of GetParticipant.
type GetParticipantOutput struct {
	// The participant.
	Participant *Participant `json:"participant,omitempty"`
}

// ListParticipantsInput is the input of ListParticipants. At most one filter
// may be given; the default page size is 50.
type ListParticipantsInput struct {
	// The ARN of the stage. Required.
	StageARN string `json:"stageArn" shape:"stageARN,required"`
	// The id of the session, unique within the stage. 16 characters: st- and 13 letters or digits.
	// Required.
	SessionID string `json:"sessionId" shape:"sessionID,required"`
	// Only participants with this user id; absent: all. At most 128 characters.
	FilterByUserID    *string `json:"filterByUserId,omitempty" shape:"userID"`
	FilterByPublished bool    `json:"filterByPublished,omitempty"` // false is no filter
	// Only participants in this state; empty: all.
	FilterByState ParticipantState `json:"filterByState,omitempty" shape:"participantState"`
	// Only participants whose recording is in this state, which can not be DISABLED; empty: all.
	FilterByRecordingState RecordingState `json:"filterByRecordingState,omitempty" shape:"recordingStateFilter"`
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

func (in *ListParticipantsInput) check() string {
	return shape.Exclusive("filterByUserId, filterByPublished, filterByState, filterByRecordingState",
		in.FilterByUserID != nil, in.FilterByPublished, in.FilterByState != "", in.FilterByRecordingState != "")
}

// ListParticipantsOutput is the output of ListParticipants.
type ListParticipantsOutput struct {
	// The participants of this page.
	Participants []ParticipantSummary `json:"participants"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}

// DisconnectParticipantInput is the input of DisconnectParticipant.
type DisconnectParticipantInput struct {
	// The ARN of the stage. Required.
	StageARN string `json:"stageArn" shape:"stageARN,required"`
	// The id that the service gave the participant with its token. At most 64 letters, digits,
	// hyphens and underscores. Required.
	ParticipantID string `json:"participantId" shape:"participantID,required"`
	// Why, for the log of the application. At most 128 characters.
	Reason string `json:"reason,omitempty" shape:"disconnectReason"`
}

// DisconnectParticipantOutput is the output of DisconnectParticipant.
type DisconnectParticipantOutput struct{}

// An Event is an event of a participant in a session.
type Event struct {
	// What happened.
	Name EventName `json:"name,omitempty"`
	// The participant to whom it happened.
	ParticipantID string `json:"participantId,omitempty"`
	// When it happened.
	EventTime           time.Time `json:"eventTime,omitzero"`
	RemoteParticipantID string    `json:"remoteParticipantId,omitempty"` // the publisher of a SUBSCRIBE event
	// Why it failed; empty for events that are no errors.
	ErrorCode EventErrorCode `json:"errorCode,omitempty"`
	// The stage of a replica; of REPLICATION events.
	DestinationStageARN string `json:"destinationStageArn,omitempty"`
	// The session of the stage of a replica; of REPLICATION events.
	DestinationSessionID string `json:"destinationSessionId,omitempty"`
	// Whether the participant is a replica.
	Replica bool `json:"replica"`
	// What the token before an exchange said; of TOKEN_EXCHANGED.
	PreviousToken *ExchangedParticipantToken `json:"previousToken,omitempty"`
	// What the token after an exchange says; of TOKEN_EXCHANGED.
	NewToken *ExchangedParticipantToken `json:"newToken,omitempty"`
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
	// The ARN of the stage. Required.
	StageARN string `json:"stageArn" shape:"stageARN,required"`
	// The id of the session, unique within the stage. 16 characters: st- and 13 letters or digits.
	// Required.
	SessionID string `json:"sessionId" shape:"sessionID,required"`
	// The id that the service gave the participant with its token. At most 64 letters, digits,
	// hyphens and underscores. Required.
	ParticipantID string `json:"participantId" shape:"participantID,required"`
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListParticipantEventsOutput is the output of ListParticipantEvents.
type ListParticipantEventsOutput struct {
	// The events of this page.
	Events []Event `json:"events"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}
