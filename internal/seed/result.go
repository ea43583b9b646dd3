package seed

import "rostrum/ivsrealtime"

// A Result is what a server has of a file, by name.
type Result struct {
	Stages                map[string]*StageResult `json:"stages,omitempty"`
	StorageConfigurations map[string]Resource     `json:"storageConfigurations,omitempty"`
	EncoderConfigurations map[string]Resource     `json:"encoderConfigurations,omitempty"`
	PublicKeys            map[string]Resource     `json:"publicKeys,omitempty"`
	IngestConfigurations  map[string]Ingest       `json:"ingestConfigurations,omitempty"`
}

func newResult() *Result {
	return &Result{
		Stages: map[string]*StageResult{}, StorageConfigurations: map[string]Resource{}, EncoderConfigurations: map[string]Resource{},
		PublicKeys: map[string]Resource{}, IngestConfigurations: map[string]Ingest{},
	}
}

// A Resource is what is to be known of most kinds.
type Resource struct {
	ARN string `json:"arn"`
}

// A StageResult is a stage with its new tokens, in the order of the file.
type StageResult struct {
	ARN               string                         `json:"arn"`
	Endpoints         *ivsrealtime.StageEndpoints    `json:"endpoints,omitempty"`
	ParticipantTokens []ivsrealtime.ParticipantToken `json:"participantTokens"`
}

// An Ingest is what an encoder needs.
type Ingest struct {
	ARN           string                                  `json:"arn"`
	ParticipantID string                                  `json:"participantId"`
	StreamKey     string                                  `json:"streamKey"` // a secret
	Redundant     []ivsrealtime.RedundantIngestCredential `json:"redundantIngestCredentials,omitempty"`
}
