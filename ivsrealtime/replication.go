package ivsrealtime

// A ParticipantReplica is a participant that is replicated to another stage.
type ParticipantReplica struct {
	SourceStageARN       string           `json:"sourceStageArn"`
	ParticipantID        string           `json:"participantId"`
	SourceSessionID      string           `json:"sourceSessionId"`
	DestinationStageARN  string           `json:"destinationStageArn"`
	DestinationSessionID string           `json:"destinationSessionId"`
	ReplicationState     ReplicationState `json:"replicationState"`
}

// StartParticipantReplicationInput is the input of StartParticipantReplication.
type StartParticipantReplicationInput struct {
	SourceStageARN         string            `json:"sourceStageArn" shape:"stageARN,required"`
	DestinationStageARN    string            `json:"destinationStageArn" shape:"stageARN,required"`
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
	SourceStageARN      string `json:"sourceStageArn" shape:"stageARN,required"`
	DestinationStageARN string `json:"destinationStageArn" shape:"stageARN,required"`
	ParticipantID       string `json:"participantId" shape:"participantID,required"`
}

// StopParticipantReplicationOutput is the output of StopParticipantReplication.
type StopParticipantReplicationOutput struct {
	TransportHeaders
}

// ListParticipantReplicasInput is the input of ListParticipantReplicas; the
// page size is at most 50.
type ListParticipantReplicasInput struct {
	SourceStageARN string `json:"sourceStageArn" shape:"stageARN,required"`
	ParticipantID  string `json:"participantId" shape:"participantID,required"`
	NextToken      string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults     *int   `json:"maxResults,omitempty" shape:"maxReplicas"`
}

// ListParticipantReplicasOutput is the output of ListParticipantReplicas.
type ListParticipantReplicasOutput struct {
	Replicas  []ParticipantReplica `json:"replicas"`
	NextToken string               `json:"nextToken,omitempty"`
}

// TransportHeaders are the HTTP headers that the API models as members of some
// outputs (and of every error).
type TransportHeaders struct {
	AccessControlAllowOrigin   string `json:"-" header:"Access-Control-Allow-Origin"`
	AccessControlExposeHeaders string `json:"-" header:"Access-Control-Expose-Headers"`
	CacheControl               string `json:"-" header:"Cache-Control"`
	ContentSecurityPolicy      string `json:"-" header:"Content-Security-Policy"`
	StrictTransportSecurity    string `json:"-" header:"Strict-Transport-Security"`
	XContentTypeOptions        string `json:"-" header:"X-Content-Type-Options"`
	XFrameOptions              string `json:"-" header:"X-Frame-Options"`
}
