package ivsrealtime

// A ParticipantReplica is a participant that is replicated to another stage.
type ParticipantReplica struct {
	// The stage on which the participant is.
	SourceStageARN string `json:"sourceStageArn"`
	// The id that the service gave the participant with its token.
	ParticipantID string `json:"participantId"`
	// The session of that stage.
	SourceSessionID string `json:"sourceSessionId"`
	// The stage to which the participant is replicated.
	DestinationStageARN string `json:"destinationStageArn"`
	// The session of the stage to which the participant is replicated.
	DestinationSessionID string `json:"destinationSessionId"`
	// Whether the replication runs.
	ReplicationState ReplicationState `json:"replicationState"`
}

// StartParticipantReplicationInput is the input of StartParticipantReplication.
type StartParticipantReplicationInput struct {
	// The stage on which the participant publishes. Required.
	SourceStageARN string `json:"sourceStageArn" shape:"stageARN,required"`
	// The stage to which the participant is replicated. Required.
	DestinationStageARN string `json:"destinationStageArn" shape:"stageARN,required"`
	// The id that the service gave the participant with its token. At most 64 letters, digits,
	// hyphens and underscores. Required.
	ParticipantID          string            `json:"participantId" shape:"participantID,required"`
	ReconnectWindowSeconds *int              `json:"reconnectWindowSeconds,omitempty" shape:"reconnectWindow"` // default 0
	Attributes             map[string]string `json:"attributes,omitempty" shape:"attributes"`                  // override the token's
}

// StartParticipantReplicationOutput is the output of StartParticipantReplication.
type StartParticipantReplicationOutput struct {
	TransportHeaders
}

// StopParticipantReplicationInput is the input of StopParticipantReplication.
type StopParticipantReplicationInput struct {
	// The stage on which the participant is. Required.
	SourceStageARN string `json:"sourceStageArn" shape:"stageARN,required"`
	// The stage to which the participant is replicated. Required.
	DestinationStageARN string `json:"destinationStageArn" shape:"stageARN,required"`
	// The id that the service gave the participant with its token. At most 64 letters, digits,
	// hyphens and underscores. Required.
	ParticipantID string `json:"participantId" shape:"participantID,required"`
}

// StopParticipantReplicationOutput is the output of StopParticipantReplication.
type StopParticipantReplicationOutput struct {
	TransportHeaders
}

// ListParticipantReplicasInput is the input of ListParticipantReplicas; the
// page size is at most 50.
type ListParticipantReplicasInput struct {
	// The stage on which the participant is. Required.
	SourceStageARN string `json:"sourceStageArn" shape:"stageARN,required"`
	// The id that the service gave the participant with its token. At most 64 letters, digits,
	// hyphens and underscores. Required.
	ParticipantID string `json:"participantId" shape:"participantID,required"`
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 50.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxReplicas"`
}

// ListParticipantReplicasOutput is the output of ListParticipantReplicas.
type ListParticipantReplicasOutput struct {
	// The replicas of this page.
	Replicas []ParticipantReplica `json:"replicas"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}

// TransportHeaders are the HTTP headers that the API models as members of some
// outputs (and of every error).
type TransportHeaders struct {
	// Access-Control-Allow-Origin.
	AccessControlAllowOrigin string `json:"-" header:"Access-Control-Allow-Origin"`
	// Access-Control-Expose-Headers.
	AccessControlExposeHeaders string `json:"-" header:"Access-Control-Expose-Headers"`
	// Cache-Control.
	CacheControl string `json:"-" header:"Cache-Control"`
	// Content-Security-Policy.
	ContentSecurityPolicy string `json:"-" header:"Content-Security-Policy"`
	// Strict-Transport-Security.
	StrictTransportSecurity string `json:"-" header:"Strict-Transport-Security"`
	// X-Content-Type-Options.
	XContentTypeOptions string `json:"-" header:"X-Content-Type-Options"`
	// X-Frame-Options.
	XFrameOptions string `json:"-" header:"X-Frame-Options"`
}
