package ivsrealtime

import "context"

// CreateStage creates a stage, and the participant tokens that were asked for
// with it.
func (c *Client) CreateStage(ctx context.Context, in *CreateStageInput) (*CreateStageOutput, error) {
	return call(ctx, c, OpCreateStage, in)
}

// GetStage tells what a stage is.
func (c *Client) GetStage(ctx context.Context, in *GetStageInput) (*GetStageOutput, error) {
	return call(ctx, c, OpGetStage, in)
}

// UpdateStage changes a stage's name or recording configuration. The
// configuration is replaced whole, and can't be changed while it records.
func (c *Client) UpdateStage(ctx context.Context, in *UpdateStageInput) (*UpdateStageOutput, error) {
	return call(ctx, c, OpUpdateStage, in)
}

// DeleteStage disconnects everybody and deletes a stage.
func (c *Client) DeleteStage(ctx context.Context, in *DeleteStageInput) (*DeleteStageOutput, error) {
	return call(ctx, c, OpDeleteStage, in)
}

// ListStages lists the stages of the account, a page at a time; [Client.Stages]
// walks through all pages.
func (c *Client) ListStages(ctx context.Context, in *ListStagesInput) (*ListStagesOutput, error) {
	return call(ctx, c, OpListStages, in)
}

// CreateParticipantToken makes a further participant token for a stage. Tokens
// are not kept: they can be neither listed nor shown again.
func (c *Client) CreateParticipantToken(ctx context.Context, in *CreateParticipantTokenInput) (*CreateParticipantTokenOutput, error) {
	return call(ctx, c, OpCreateParticipantToken, in)
}

// DisconnectParticipant disconnects a participant from a stage and makes its
// token useless.
func (c *Client) DisconnectParticipant(ctx context.Context, in *DisconnectParticipantInput) (*DisconnectParticipantOutput, error) {
	return call(ctx, c, OpDisconnectParticipant, in)
}

// RevokeConnectionToken makes a connection token useless and disconnects who is
// connected with it.
func (c *Client) RevokeConnectionToken(ctx context.Context, in *RevokeConnectionTokenInput) (*RevokeConnectionTokenOutput, error) {
	return call(ctx, c, OpRevokeConnectionToken, in)
}

// GetStageSession tells when a session of a stage began and ended.
func (c *Client) GetStageSession(ctx context.Context, in *GetStageSessionInput) (*GetStageSessionOutput, error) {
	return call(ctx, c, OpGetStageSession, in)
}

// ListStageSessions lists a stage's sessions; see [Client.StageSessions].
func (c *Client) ListStageSessions(ctx context.Context, in *ListStageSessionsInput) (*ListStageSessionsOutput, error) {
	return call(ctx, c, OpListStageSessions, in)
}

// GetParticipant tells what is known of a participant of a session.
func (c *Client) GetParticipant(ctx context.Context, in *GetParticipantInput) (*GetParticipantOutput, error) {
	return call(ctx, c, OpGetParticipant, in)
}

// ListParticipants lists those who joined a session; see [Client.Participants].
func (c *Client) ListParticipants(ctx context.Context, in *ListParticipantsInput) (*ListParticipantsOutput, error) {
	return call(ctx, c, OpListParticipants, in)
}

// ListParticipantEvents lists what happened to a participant in a session; see
// [Client.ParticipantEvents].
func (c *Client) ListParticipantEvents(ctx context.Context, in *ListParticipantEventsInput) (*ListParticipantEventsOutput, error) {
	return call(ctx, c, OpListParticipantEvents, in)
}

// ImportPublicKey imports a key that verifies participant tokens signed by the
// application; see [TokenSigner].
func (c *Client) ImportPublicKey(ctx context.Context, in *ImportPublicKeyInput) (*ImportPublicKeyOutput, error) {
	return call(ctx, c, OpImportPublicKey, in)
}

// GetPublicKey tells what a public key is.
func (c *Client) GetPublicKey(ctx context.Context, in *GetPublicKeyInput) (*GetPublicKeyOutput, error) {
	return call(ctx, c, OpGetPublicKey, in)
}

// DeletePublicKey deletes a public key: tokens it verified can't be used to
// join any more.
func (c *Client) DeletePublicKey(ctx context.Context, in *DeletePublicKeyInput) (*DeletePublicKeyOutput, error) {
	return call(ctx, c, OpDeletePublicKey, in)
}

// ListPublicKeys lists the public keys of the account; see [Client.PublicKeys].
func (c *Client) ListPublicKeys(ctx context.Context, in *ListPublicKeysInput) (*ListPublicKeysOutput, error) {
	return call(ctx, c, OpListPublicKeys, in)
}

// CreateEncoderConfiguration keeps an output format for compositions.
func (c *Client) CreateEncoderConfiguration(ctx context.Context, in *CreateEncoderConfigurationInput) (*CreateEncoderConfigurationOutput, error) {
	return call(ctx, c, OpCreateEncoderConfiguration, in)
}

// GetEncoderConfiguration tells what an encoder configuration is.
func (c *Client) GetEncoderConfiguration(ctx context.Context, in *GetEncoderConfigurationInput) (*GetEncoderConfigurationOutput, error) {
	return call(ctx, c, OpGetEncoderConfiguration, in)
}

// DeleteEncoderConfiguration deletes an encoder configuration that no
// composition uses.
func (c *Client) DeleteEncoderConfiguration(ctx context.Context, in *DeleteEncoderConfigurationInput) (*DeleteEncoderConfigurationOutput, error) {
	return call(ctx, c, OpDeleteEncoderConfiguration, in)
}

// ListEncoderConfigurations lists encoder configurations; see
// [Client.EncoderConfigurations].
func (c *Client) ListEncoderConfigurations(ctx context.Context, in *ListEncoderConfigurationsInput) (*ListEncoderConfigurationsOutput, error) {
	return call(ctx, c, OpListEncoderConfigurations, in)
}

// CreateStorageConfiguration keeps the name of a bucket for recordings.
func (c *Client) CreateStorageConfiguration(ctx context.Context, in *CreateStorageConfigurationInput) (*CreateStorageConfigurationOutput, error) {
	return call(ctx, c, OpCreateStorageConfiguration, in)
}

// GetStorageConfiguration tells what a storage configuration is.
func (c *Client) GetStorageConfiguration(ctx context.Context, in *GetStorageConfigurationInput) (*GetStorageConfigurationOutput, error) {
	return call(ctx, c, OpGetStorageConfiguration, in)
}

// DeleteStorageConfiguration deletes a storage configuration that no stage and
// no composition uses.
func (c *Client) DeleteStorageConfiguration(ctx context.Context, in *DeleteStorageConfigurationInput) (*DeleteStorageConfigurationOutput, error) {
	return call(ctx, c, OpDeleteStorageConfiguration, in)
}

// ListStorageConfigurations lists storage configurations; see
// [Client.StorageConfigurations].
func (c *Client) ListStorageConfigurations(ctx context.Context, in *ListStorageConfigurationsInput) (*ListStorageConfigurationsOutput, error) {
	return call(ctx, c, OpListStorageConfigurations, in)
}

// CreateIngestConfiguration makes a stream key with which an RTMP(S) encoder
// can publish.
func (c *Client) CreateIngestConfiguration(ctx context.Context, in *CreateIngestConfigurationInput) (*CreateIngestConfigurationOutput, error) {
	return call(ctx, c, OpCreateIngestConfiguration, in)
}

// GetIngestConfiguration tells what an ingest configuration is, its stream key
// included.
func (c *Client) GetIngestConfiguration(ctx context.Context, in *GetIngestConfigurationInput) (*GetIngestConfigurationOutput, error) {
	return call(ctx, c, OpGetIngestConfiguration, in)
}

// UpdateIngestConfiguration attaches an ingest configuration that is not in use
// to another stage, or to none.
func (c *Client) UpdateIngestConfiguration(ctx context.Context, in *UpdateIngestConfigurationInput) (*UpdateIngestConfigurationOutput, error) {
	return call(ctx, c, OpUpdateIngestConfiguration, in)
}

// DeleteIngestConfiguration deletes an ingest configuration; one in use only
// when forced, which disconnects its publisher.
func (c *Client) DeleteIngestConfiguration(ctx context.Context, in *DeleteIngestConfigurationInput) (*DeleteIngestConfigurationOutput, error) {
	return call(ctx, c, OpDeleteIngestConfiguration, in)
}

// ListIngestConfigurations lists ingest configurations; see
// [Client.IngestConfigurations].
func (c *Client) ListIngestConfigurations(ctx context.Context, in *ListIngestConfigurationsInput) (*ListIngestConfigurationsOutput, error) {
	return call(ctx, c, OpListIngestConfigurations, in)
}

// StartComposition starts to compose a stage into one picture for its
// destinations. It returns while the composition is STARTING; see
// [Client.WaitUntilCompositionActive]. An input without an idempotency token is
// given one, so that retries start one composition.
func (c *Client) StartComposition(ctx context.Context, in *StartCompositionInput) (*StartCompositionOutput, error) {
	return call(ctx, c, OpStartComposition, withIdempotencyToken(in))
}

// GetComposition tells what a composition is and how it is doing.
func (c *Client) GetComposition(ctx context.Context, in *GetCompositionInput) (*GetCompositionOutput, error) {
	return call(ctx, c, OpGetComposition, in)
}

// StopComposition stops a composition and all its destinations; see
// [Client.WaitUntilCompositionStopped].
func (c *Client) StopComposition(ctx context.Context, in *StopCompositionInput) (*StopCompositionOutput, error) {
	return call(ctx, c, OpStopComposition, in)
}

// ListCompositions lists compositions; see [Client.Compositions].
func (c *Client) ListCompositions(ctx context.Context, in *ListCompositionsInput) (*ListCompositionsOutput, error) {
	return call(ctx, c, OpListCompositions, in)
}

// StartParticipantReplication shows a participant of one stage on another too.
func (c *Client) StartParticipantReplication(ctx context.Context, in *StartParticipantReplicationInput) (*StartParticipantReplicationOutput, error) {
	return call(ctx, c, OpStartParticipantReplication, in)
}

// StopParticipantReplication ends what StartParticipantReplication began.
func (c *Client) StopParticipantReplication(ctx context.Context, in *StopParticipantReplicationInput) (*StopParticipantReplicationOutput, error) {
	return call(ctx, c, OpStopParticipantReplication, in)
}

// ListParticipantReplicas lists where a participant is replicated to; see
// [Client.ParticipantReplicas].
func (c *Client) ListParticipantReplicas(ctx context.Context, in *ListParticipantReplicasInput) (*ListParticipantReplicasOutput, error) {
	return call(ctx, c, OpListParticipantReplicas, in)
}

// TagResource adds tags to a resource, or changes their values.
func (c *Client) TagResource(ctx context.Context, in *TagResourceInput) (*TagResourceOutput, error) {
	return call(ctx, c, OpTagResource, in)
}

// UntagResource removes tags from a resource.
func (c *Client) UntagResource(ctx context.Context, in *UntagResourceInput) (*UntagResourceOutput, error) {
	return call(ctx, c, OpUntagResource, in)
}

// ListTagsForResource lists a resource's tags.
func (c *Client) ListTagsForResource(ctx context.Context, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	return call(ctx, c, OpListTagsForResource, in)
}
