package ivsrealtime

import (
	"context"
	"iter"
)

// Each list operation has two walks, over its items and over its pages. A walk
// asks for a page when it gets there and not before, begins anew each time it is
// ranged over, and ends with the first error, which comes with no item:
//
//	for stage, err := range client.Stages(ctx, nil) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(stage.Name)
//	}
//
// The input's filters and page size hold for all pages; a token in it says
// where to begin. nil is an input with nothing set.

// Stages walks through the stages of the account.
func (c *Client) Stages(ctx context.Context, in *ListStagesInput, options ...CallOption) iter.Seq2[StageSummary, error] {
	return items(ctx, c, OpListStages, in, options)
}

// StagePages walks through the answers of ListStages.
func (c *Client) StagePages(ctx context.Context, in *ListStagesInput, options ...CallOption) iter.Seq2[*ListStagesOutput, error] {
	return pages(ctx, c, OpListStages, in, options)
}

func (in *ListStagesInput) token() *string                  { return &in.NextToken }
func (out ListStagesOutput) page() ([]StageSummary, string) { return out.Stages, out.NextToken }

// StageSessions walks through the sessions of a stage.
func (c *Client) StageSessions(ctx context.Context, in *ListStageSessionsInput, options ...CallOption) iter.Seq2[StageSessionSummary, error] {
	return items(ctx, c, OpListStageSessions, in, options)
}

// StageSessionPages walks through the answers of ListStageSessions.
func (c *Client) StageSessionPages(ctx context.Context, in *ListStageSessionsInput, options ...CallOption) iter.Seq2[*ListStageSessionsOutput, error] {
	return pages(ctx, c, OpListStageSessions, in, options)
}

func (in *ListStageSessionsInput) token() *string { return &in.NextToken }
func (out ListStageSessionsOutput) page() ([]StageSessionSummary, string) {
	return out.StageSessions, out.NextToken
}

// Participants walks through those who joined a session.
func (c *Client) Participants(ctx context.Context, in *ListParticipantsInput, options ...CallOption) iter.Seq2[ParticipantSummary, error] {
	return items(ctx, c, OpListParticipants, in, options)
}

// ParticipantPages walks through the answers of ListParticipants.
func (c *Client) ParticipantPages(ctx context.Context, in *ListParticipantsInput, options ...CallOption) iter.Seq2[*ListParticipantsOutput, error] {
	return pages(ctx, c, OpListParticipants, in, options)
}

func (in *ListParticipantsInput) token() *string { return &in.NextToken }
func (out ListParticipantsOutput) page() ([]ParticipantSummary, string) {
	return out.Participants, out.NextToken
}

// ParticipantEvents walks through what happened to a participant in a session.
func (c *Client) ParticipantEvents(ctx context.Context, in *ListParticipantEventsInput, options ...CallOption) iter.Seq2[Event, error] {
	return items(ctx, c, OpListParticipantEvents, in, options)
}

// ParticipantEventPages walks through the answers of ListParticipantEvents.
func (c *Client) ParticipantEventPages(ctx context.Context, in *ListParticipantEventsInput, options ...CallOption) iter.Seq2[*ListParticipantEventsOutput, error] {
	return pages(ctx, c, OpListParticipantEvents, in, options)
}

func (in *ListParticipantEventsInput) token() *string           { return &in.NextToken }
func (out ListParticipantEventsOutput) page() ([]Event, string) { return out.Events, out.NextToken }

// PublicKeys walks through the public keys of the account.
func (c *Client) PublicKeys(ctx context.Context, in *ListPublicKeysInput, options ...CallOption) iter.Seq2[PublicKeySummary, error] {
	return items(ctx, c, OpListPublicKeys, in, options)
}

// PublicKeyPages walks through the answers of ListPublicKeys.
func (c *Client) PublicKeyPages(ctx context.Context, in *ListPublicKeysInput, options ...CallOption) iter.Seq2[*ListPublicKeysOutput, error] {
	return pages(ctx, c, OpListPublicKeys, in, options)
}

func (in *ListPublicKeysInput) token() *string { return &in.NextToken }
func (out ListPublicKeysOutput) page() ([]PublicKeySummary, string) {
	return out.PublicKeys, out.NextToken
}

// EncoderConfigurations walks through the encoder configurations of the
// account.
func (c *Client) EncoderConfigurations(ctx context.Context, in *ListEncoderConfigurationsInput, options ...CallOption) iter.Seq2[EncoderConfigurationSummary, error] {
	return items(ctx, c, OpListEncoderConfigurations, in, options)
}

// EncoderConfigurationPages walks through the answers of
// ListEncoderConfigurations.
func (c *Client) EncoderConfigurationPages(ctx context.Context, in *ListEncoderConfigurationsInput, options ...CallOption) iter.Seq2[*ListEncoderConfigurationsOutput, error] {
	return pages(ctx, c, OpListEncoderConfigurations, in, options)
}

func (in *ListEncoderConfigurationsInput) token() *string { return &in.NextToken }
func (out ListEncoderConfigurationsOutput) page() ([]EncoderConfigurationSummary, string) {
	return out.EncoderConfigurations, out.NextToken
}

// StorageConfigurations walks through the storage configurations of the
// account.
func (c *Client) StorageConfigurations(ctx context.Context, in *ListStorageConfigurationsInput, options ...CallOption) iter.Seq2[StorageConfigurationSummary, error] {
	return items(ctx, c, OpListStorageConfigurations, in, options)
}

// StorageConfigurationPages walks through the answers of
// ListStorageConfigurations.
func (c *Client) StorageConfigurationPages(ctx context.Context, in *ListStorageConfigurationsInput, options ...CallOption) iter.Seq2[*ListStorageConfigurationsOutput, error] {
	return pages(ctx, c, OpListStorageConfigurations, in, options)
}

func (in *ListStorageConfigurationsInput) token() *string { return &in.NextToken }
func (out ListStorageConfigurationsOutput) page() ([]StorageConfigurationSummary, string) {
	return out.StorageConfigurations, out.NextToken
}

// IngestConfigurations walks through the ingest configurations of the account.
func (c *Client) IngestConfigurations(ctx context.Context, in *ListIngestConfigurationsInput, options ...CallOption) iter.Seq2[IngestConfigurationSummary, error] {
	return items(ctx, c, OpListIngestConfigurations, in, options)
}

// IngestConfigurationPages walks through the answers of
// ListIngestConfigurations.
func (c *Client) IngestConfigurationPages(ctx context.Context, in *ListIngestConfigurationsInput, options ...CallOption) iter.Seq2[*ListIngestConfigurationsOutput, error] {
	return pages(ctx, c, OpListIngestConfigurations, in, options)
}

func (in *ListIngestConfigurationsInput) token() *string { return &in.NextToken }
func (out ListIngestConfigurationsOutput) page() ([]IngestConfigurationSummary, string) {
	return out.IngestConfigurations, out.NextToken
}

// Compositions walks through the compositions of the account.
func (c *Client) Compositions(ctx context.Context, in *ListCompositionsInput, options ...CallOption) iter.Seq2[CompositionSummary, error] {
	return items(ctx, c, OpListCompositions, in, options)
}

// CompositionPages walks through the answers of ListCompositions.
func (c *Client) CompositionPages(ctx context.Context, in *ListCompositionsInput, options ...CallOption) iter.Seq2[*ListCompositionsOutput, error] {
	return pages(ctx, c, OpListCompositions, in, options)
}

func (in *ListCompositionsInput) token() *string { return &in.NextToken }
func (out ListCompositionsOutput) page() ([]CompositionSummary, string) {
	return out.Compositions, out.NextToken
}

// ParticipantReplicas walks through the stages a participant is replicated to.
func (c *Client) ParticipantReplicas(ctx context.Context, in *ListParticipantReplicasInput, options ...CallOption) iter.Seq2[ParticipantReplica, error] {
	return items(ctx, c, OpListParticipantReplicas, in, options)
}

// ParticipantReplicaPages walks through the answers of ListParticipantReplicas.
func (c *Client) ParticipantReplicaPages(ctx context.Context, in *ListParticipantReplicasInput, options ...CallOption) iter.Seq2[*ListParticipantReplicasOutput, error] {
	return pages(ctx, c, OpListParticipantReplicas, in, options)
}

func (in *ListParticipantReplicasInput) token() *string { return &in.NextToken }
func (out ListParticipantReplicasOutput) page() ([]ParticipantReplica, string) {
	return out.Replicas, out.NextToken
}
