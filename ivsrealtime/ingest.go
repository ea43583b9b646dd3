package ivsrealtime

import "rostrum/internal/shape"

// An IngestConfiguration lets an RTMP(S) encoder publish to a stage with a stream key.
type IngestConfiguration struct {
	Name                       string                      `json:"name"`
	ARN                        string                      `json:"arn"`
	IngestProtocol             IngestProtocol              `json:"ingestProtocol"`
	StreamKey                  string                      `json:"streamKey"` // a secret
	StageARN                   string                      `json:"stageArn"`  // empty: not attached
	ParticipantID              string                      `json:"participantId"`
	State                      IngestConfigurationState    `json:"state"`
	UserID                     string                      `json:"userId"`
	RedundantIngest            bool                        `json:"redundantIngest"`
	RedundantIngestCredentials []RedundantIngestCredential `json:"redundantIngestCredentials,omitempty"`
	Attributes                 map[string]string           `json:"attributes,omitempty"`
	Tags                       map[string]string           `json:"tags"`
}

// RedundantIngestCredential is one of the two streams of a redundant ingest.
type RedundantIngestCredential struct {
	ParticipantID string `json:"participantId,omitempty"`
	StreamKey     string `json:"streamKey,omitempty"` // a secret
}

// IngestConfigurationSummary is an IngestConfiguration in ListIngestConfigurations.
type IngestConfigurationSummary struct {
	Name            string                   `json:"name"`
	ARN             string                   `json:"arn"`
	IngestProtocol  IngestProtocol           `json:"ingestProtocol"`
	StageARN        string                   `json:"stageArn"`
	ParticipantID   string                   `json:"participantId"`
	State           IngestConfigurationState `json:"state"`
	UserID          string                   `json:"userId"`
	RedundantIngest bool                     `json:"redundantIngest"`
}

// IngestProtocol is the protocol of the encoder.
type IngestProtocol string

// The ingest protocols.
const (
	IngestRTMP  IngestProtocol = "RTMP"
	IngestRTMPS IngestProtocol = "RTMPS"
)

// IngestConfigurationState is whether an encoder publishes.
type IngestConfigurationState string

// The states of an ingest configuration.
const (
	IngestActive   IngestConfigurationState = "ACTIVE"
	IngestInactive IngestConfigurationState = "INACTIVE"
)

// CreateIngestConfigurationInput is the input of CreateIngestConfiguration.
type CreateIngestConfigurationInput struct {
	Name            string            `json:"name,omitempty" shape:"name"`
	StageARN        string            `json:"stageArn,omitempty" shape:"stageARNOrEmpty"`
	UserID          string            `json:"userId,omitempty" shape:"userID"`
	Attributes      map[string]string `json:"attributes,omitempty" shape:"attributes"`
	IngestProtocol  IngestProtocol    `json:"ingestProtocol" shape:"ingestProtocol,required"`
	InsecureIngest  bool              `json:"insecureIngest,omitempty"` // must be true for RTMP
	RedundantIngest bool              `json:"redundantIngest,omitempty"`
	Tags            map[string]string `json:"tags,omitempty" shape:"tags"`
}

func (in *CreateIngestConfigurationInput) check() string {
	if in.IngestProtocol == IngestRTMP && !in.InsecureIngest {
		return "insecureIngest is false, must be true when ingestProtocol is RTMP"
	}
	return ""
}

// CreateIngestConfigurationOutput is the output of CreateIngestConfiguration.
type CreateIngestConfigurationOutput struct {
	TransportHeaders
	IngestConfiguration *IngestConfiguration `json:"ingestConfiguration,omitempty"`
}

// GetIngestConfigurationInput is the input of GetIngestConfiguration.
type GetIngestConfigurationInput struct {
	ARN string `json:"arn" shape:"ingestARN,required"`
}

// GetIngestConfigurationOutput is the output of GetIngestConfiguration.
type GetIngestConfigurationOutput struct {
	IngestConfiguration *IngestConfiguration `json:"ingestConfiguration,omitempty"`
}

// UpdateIngestConfigurationInput is the input of UpdateIngestConfiguration.
type UpdateIngestConfigurationInput struct {
	ARN             string  `json:"arn" shape:"ingestARN,required"`
	StageARN        *string `json:"stageArn,omitempty" shape:"stageARNOrEmpty"` // empty detaches
	RedundantIngest bool    `json:"redundantIngest,omitempty"`
}

// UpdateIngestConfigurationOutput is the output of UpdateIngestConfiguration.
type UpdateIngestConfigurationOutput struct {
	TransportHeaders
	IngestConfiguration *IngestConfiguration `json:"ingestConfiguration,omitempty"`
}

// DeleteIngestConfigurationInput is the input of DeleteIngestConfiguration.
type DeleteIngestConfigurationInput struct {
	ARN   string `json:"arn" shape:"ingestARN,required"`
	Force bool   `json:"force,omitempty"` // disconnect an active publisher first
}

// DeleteIngestConfigurationOutput is the output of DeleteIngestConfiguration.
type DeleteIngestConfigurationOutput struct{}

// ListIngestConfigurationsInput is the input of ListIngestConfigurations. At
// most one filter may be given; the default page size is 50.
type ListIngestConfigurationsInput struct {
	FilterByStageARN string                   `json:"filterByStageArn,omitempty" shape:"stageARN"`
	FilterByState    IngestConfigurationState `json:"filterByState,omitempty" shape:"ingestState"`
	NextToken        string                   `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults       *int                     `json:"maxResults,omitempty" shape:"maxResults"`
}

func (in *ListIngestConfigurationsInput) check() string {
	return shape.Exclusive("filterByStageArn, filterByState", in.FilterByStageARN != "", in.FilterByState != "")
}

// ListIngestConfigurationsOutput is the output of ListIngestConfigurations.
type ListIngestConfigurationsOutput struct {
	IngestConfigurations []IngestConfigurationSummary `json:"ingestConfigurations"`
	NextToken            string                       `json:"nextToken,omitempty"`
}
