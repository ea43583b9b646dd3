package ivsrealtime

import "rostrum/internal/shape"

// An IngestConfiguration lets an RTMP(S) encoder publish to a stage with a stream key.
type IngestConfiguration struct {
	// A name for people.
	Name string `json:"name"`
	// The ARN, which names the ingest configuration in all operations:
	// arn:aws:ivs:region:account:ingest-configuration/id.
	ARN string `json:"arn"`
	// RTMP, or RTMPS, which is encrypted.
	IngestProtocol IngestProtocol `json:"ingestProtocol"`
	StreamKey      string         `json:"streamKey"` // a secret
	StageARN       string         `json:"stageArn"`  // empty: not attached
	// The participant as whom the encoder publishes.
	ParticipantID string `json:"participantId"`
	// ACTIVE while an encoder publishes.
	State IngestConfigurationState `json:"state"`
	// The id that the application gave the user; the service does not interpret it.
	UserID string `json:"userId"`
	// Whether two encoders, each with a stream key, send the same.
	RedundantIngest bool `json:"redundantIngest"`
	// The stream keys of both encoders, with redundant ingest.
	RedundantIngestCredentials []RedundantIngestCredential `json:"redundantIngestCredentials,omitempty"`
	// What the application tells all participants about this one.
	Attributes map[string]string `json:"attributes,omitempty"`
	// The tags, by key.
	Tags map[string]string `json:"tags"`
}

// RedundantIngestCredential is one of the two streams of a redundant ingest.
type RedundantIngestCredential struct {
	// The participant as whom this encoder publishes.
	ParticipantID string `json:"participantId,omitempty"`
	StreamKey     string `json:"streamKey,omitempty"` // a secret
}

// IngestConfigurationSummary is an IngestConfiguration in ListIngestConfigurations.
type IngestConfigurationSummary struct {
	// A name for people.
	Name string `json:"name"`
	// The ARN, which names the ingest configuration in all operations:
	// arn:aws:ivs:region:account:ingest-configuration/id.
	ARN string `json:"arn"`
	// RTMP, or RTMPS, which is encrypted.
	IngestProtocol IngestProtocol `json:"ingestProtocol"`
	// The stage on which the encoder publishes; empty: none.
	StageARN string `json:"stageArn"`
	// The participant as whom the encoder publishes.
	ParticipantID string `json:"participantId"`
	// ACTIVE while an encoder publishes.
	State IngestConfigurationState `json:"state"`
	// The id that the application gave the user; the service does not interpret it.
	UserID string `json:"userId"`
	// Whether two encoders, each with a stream key, send the same.
	RedundantIngest bool `json:"redundantIngest"`
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
	// A name for people. At most 128 letters, digits, hyphens and underscores; names need not be
	// unique.
	Name string `json:"name,omitempty" shape:"name"`
	// The stage on which the encoder publishes; empty: none for now.
	StageARN string `json:"stageArn,omitempty" shape:"stageARNOrEmpty"`
	// The id that the application gave the user; the service does not interpret it. At most 128
	// characters.
	UserID string `json:"userId,omitempty" shape:"userID"`
	// What the application tells all participants about this one. Keys and values have 1 KB together
	// at most.
	Attributes map[string]string `json:"attributes,omitempty" shape:"attributes"`
	// RTMP, or RTMPS, which is encrypted. Required.
	IngestProtocol IngestProtocol `json:"ingestProtocol" shape:"ingestProtocol,required"`
	InsecureIngest bool           `json:"insecureIngest,omitempty"` // must be true for RTMP
	// Whether two encoders, each with a stream key, send the same.
	RedundantIngest bool `json:"redundantIngest,omitempty"`
	// The tags, by key. At most 50; keys have 1 to 128 characters and do not begin with aws:, values
	// have up to 256.
	Tags map[string]string `json:"tags,omitempty" shape:"tags"`
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
	// The ingest configuration.
	IngestConfiguration *IngestConfiguration `json:"ingestConfiguration,omitempty"`
}

// GetIngestConfigurationInput is the input of GetIngestConfiguration.
type GetIngestConfigurationInput struct {
	// The ARN of the ingest configuration. Required.
	ARN string `json:"arn" shape:"ingestARN,required"`
}

// GetIngestConfigurationOutput is the output of GetIngestConfiguration.
type GetIngestConfigurationOutput struct {
	// The ingest configuration.
	IngestConfiguration *IngestConfiguration `json:"ingestConfiguration,omitempty"`
}

// UpdateIngestConfigurationInput is the input of UpdateIngestConfiguration.
type UpdateIngestConfigurationInput struct {
	// The ARN of the ingest configuration. Required.
	ARN      string  `json:"arn" shape:"ingestARN,required"`
	StageARN *string `json:"stageArn,omitempty" shape:"stageARNOrEmpty"` // empty detaches
	// Whether two encoders, each with a stream key, send the same.
	RedundantIngest bool `json:"redundantIngest,omitempty"`
}

// UpdateIngestConfigurationOutput is the output of UpdateIngestConfiguration.
type UpdateIngestConfigurationOutput struct {
	TransportHeaders
	// The ingest configuration.
	IngestConfiguration *IngestConfiguration `json:"ingestConfiguration,omitempty"`
}

// DeleteIngestConfigurationInput is the input of DeleteIngestConfiguration.
type DeleteIngestConfigurationInput struct {
	// The ARN of the ingest configuration. Required.
	ARN   string `json:"arn" shape:"ingestARN,required"`
	Force bool   `json:"force,omitempty"` // disconnect an active publisher first
}

// DeleteIngestConfigurationOutput is the output of DeleteIngestConfiguration.
type DeleteIngestConfigurationOutput struct{}

// ListIngestConfigurationsInput is the input of ListIngestConfigurations. At
// most one filter may be given; the default page size is 50.
type ListIngestConfigurationsInput struct {
	// Only configurations of this stage; empty: of all.
	FilterByStageARN string `json:"filterByStageArn,omitempty" shape:"stageARN"`
	// Only configurations in this state; empty: all.
	FilterByState IngestConfigurationState `json:"filterByState,omitempty" shape:"ingestState"`
	// The token of the page, from the output before. At most 1,024 characters; empty for the first
	// page.
	NextToken string `json:"nextToken,omitempty" shape:"nextToken"`
	// The most entries of a page. 1 to 100.
	MaxResults *int `json:"maxResults,omitempty" shape:"maxResults"`
}

func (in *ListIngestConfigurationsInput) check() string {
	return shape.Exclusive("filterByStageArn, filterByState", in.FilterByStageARN != "", in.FilterByState != "")
}

// ListIngestConfigurationsOutput is the output of ListIngestConfigurations.
type ListIngestConfigurationsOutput struct {
	// The ingest configurations of this page.
	IngestConfigurations []IngestConfigurationSummary `json:"ingestConfigurations"`
	// The token of the next page; empty on the last one.
	NextToken string `json:"nextToken,omitempty"`
}
