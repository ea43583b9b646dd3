package ivsrealtime

import "context"

// CreateStage creates a stage, and the participant tokens that were asked for
// with it.
func (c *Client) CreateStage(ctx context.Context, in *CreateStageInput, options ...CallOption) (*CreateStageOutput, error) {
	return call(ctx, c, OpCreateStage, in, options)
}

// GetStage tells what a stage is.
func (c *Client) GetStage(ctx context.Context, in *GetStageInput, options ...CallOption) (*GetStageOutput, error) {
	return call(ctx, c, OpGetStage, in, options)
}

// UpdateStage changes a stage's name or recording configuration. The
// configuration is replaced whole, and can't be changed while it records.
func (c *Client) UpdateStage(ctx context.Context, in *UpdateStageInput, options ...CallOption) (*UpdateStageOutput, error) {
	return call(ctx, c, OpUpdateStage, in, options)
}

// DeleteStage disconnects everybody and deletes a stage.
func (c *Client) DeleteStage(ctx context.Context, in *DeleteStageInput, options ...CallOption) (*DeleteStageOutput, error) {
	return call(ctx, c, OpDeleteStage, in, options)
}

// ListStages lists the stages of the account, a page at a time; [Client.Stages]
// walks through all pages.
func (c *Client) ListStages(ctx context.Context, in *ListStagesInput, options ...CallOption) (*ListStagesOutput, error) {
	return call(ctx, c, OpListStages, in, options)
}

// CreateParticipantToken makes a further participant token for a stage. Tokens
// are not kept: they can be neither listed nor shown again.
func (c *Client) CreateParticipantToken(ctx context.Context, in *CreateParticipantTokenInput, options ...CallOption) (*CreateParticipantTokenOutput, error) {
	return call(ctx, c, OpCreateParticipantToken, in, options)
}

// DisconnectParticipant disconnects a participant from a stage and makes its
// token useless.
func (c *Client) DisconnectParticipant(ctx context.Context, in *DisconnectParticipantInput, options ...CallOption) (*DisconnectParticipantOutput, error) {
	return call(ctx, c, OpDisconnectParticipant, in, options)
}

// RevokeConnectionToken makes a connection token useless and disconnects who is
// connected with it.
func (c *Client) RevokeConnectionToken(ctx context.Context, in *RevokeConnectionTokenInput, options ...CallOption) (*RevokeConnectionTokenOutput, error) {
	return call(ctx, c, OpRevokeConnectionToken, in, options)
}

// GetStageSession tells when a session of a stage began and ended.
func (c *Client) GetStageSession(ctx context.Context, in *GetStageSessionInput, options ...CallOption) (*GetStageSessionOutput, error) {
	return call(ctx, c, OpGetStageSession, in, options)
}

// ListStageSessions lists a stage's sessions; see [Client.StageSessions].
func (c *Client) ListStageSessions(ctx context.Context, in *ListStageSessionsInput, options ...CallOption) (*ListStageSessionsOutput, error) {
	return call(ctx, c, OpListStageSessions, in, options)
}

// GetParticipant tells what is known of a participant of a session.
func (c *Client) GetParticipant(ctx context.Context, in *GetParticipantInput, options ...CallOption) (*GetParticipantOutput, error) {
	return call(ctx, c, OpGetParticipant, in, options)
}

// ListParticipants lists those who joined a session; see [Client.Participants].
func (c *Client) ListParticipants(ctx context.Context, in *ListParticipantsInput, options ...CallOption) (*ListParticipantsOutput, error) {
	return call(ctx, c, OpListParticipants, in, options)
}

// ListParticipantEvents lists what happened to a participant in a session; see
// [Client.ParticipantEvents].
func (c *Client) ListParticipantEvents(ctx context.Context, in *ListParticipantEventsInput, options ...CallOption) (*ListParticipantEventsOutput, error) {
	return call(ctx, c, OpListParticipantEvents, in, options)
}

// ImportPublicKey imports a key that verifies participant tokens signed by the
// application; see [TokenSigner].
func (c *Client) ImportPublicKey(ctx context.Context, in *ImportPublicKeyInput, options ...CallOption) (*ImportPublicKeyOutput, error) {
	return call(ctx, c, OpImportPublicKey, in, options)
}

// GetPublicKey tells what a public key is.
func (c *Client) GetPublicKey(ctx context.Context, in *GetPublicKeyInput, options ...CallOption) (*GetPublicKeyOutput, error) {
	return call(ctx, c, OpGetPublicKey, in, options)
}

// DeletePublicKey deletes a public key: tokens it verified can't be used to
// join any more.
func (c *Client) DeletePublicKey(ctx context.Context, in *DeletePublicKeyInput, options ...CallOption) (*DeletePublicKeyOutput, error) {
	return call(ctx, c, OpDeletePublicKey, in, options)
}

// ListPublicKeys lists the public keys of the account; see [Client.PublicKeys].
func (c *Client) ListPublicKeys(ctx context.Context, in *ListPublicKeysInput, options ...CallOption) (*ListPublicKeysOutput, error) {
	return call(ctx, c, OpListPublicKeys, in, options)
}

// CreateEncoderConfiguration keeps an output format for compositions.
func (c *Client) CreateEncoderConfiguration(ctx context.Context, in *CreateEncoderConfigurationInput, options ...CallOption) (*CreateEncoderConfigurationOutput, error) {
	return call(ctx, c, OpCreateEncoderConfiguration, in, options)
}

// GetEncoderConfiguration tells what an encoder configuration is.
func (c *Client) GetEncoderConfiguration(ctx context.Context, in *GetEncoderConfigurationInput, options ...CallOption) (*GetEncoderConfigurationOutput, error) {
	return call(ctx, c, OpGetEncoderConfiguration, in, options)
}

// DeleteEncoderConfiguration deletes an encoder configuration that no
// composition uses.
func (c *Client) DeleteEncoderConfiguration(ctx context.Context, in *DeleteEncoderConfigurationInput, options ...CallOption) (*DeleteEncoderConfigurationOutput, error) {
	return call(ctx, c, OpDeleteEncoderConfiguration, in, options)
}

// ListEncoderConfigurations lists encoder configurations; see
// [Client.EncoderConfigurations].
func (c *Client) ListEncoderConfigurations(ctx context.Context, in *ListEncoderConfigurationsInput, options ...CallOption) (*ListEncoderConfigurationsOutput, error) {
	return call(ctx, c, OpListEncoderConfigurations, in, options)
}

// CreateStorageConfiguration keeps the name of a bucket for recordings.
func (c *Client) CreateStorageConfiguration(ctx context.Context, in *CreateStorageConfigurationInput, options ...CallOption) (*CreateStorageConfigurationOutput, error) {
	return call(ctx, c, OpCreateStorageConfiguration, in, options)
}

// GetStorageConfiguration tells what a storage configuration is.
func (c *Client) GetStorageConfiguration(ctx context.Context, in *GetStorageConfigurationInput, options ...CallOption) (*GetStorageConfigurationOutput, error) {
	return call(ctx, c, OpGetStorageConfiguration, in, options)
}

// DeleteStorageConfiguration deletes a storage configuration that no stage and
// no composition uses.
func (c *Client) DeleteStorageConfiguration(ctx context.Context, in *DeleteStorageConfigurationInput, options ...CallOption) (*DeleteStorageConfigurationOutput, error) {
	return call(ctx, c, OpDeleteStorageConfiguration, in, options)
}

// ListStorageConfigurations lists storage configurations; see
// [Client.StorageConfigurations].
func (c *Client) ListStorageConfigurations(ctx context.Context, in *ListStorageConfigurationsInput, options ...CallOption) (*ListStorageConfigurationsOutput, error) {
	return call(ctx, c, OpListStorageConfigurations, in, options)
}

// CreateIngestConfiguration makes a stream key with which an RTMP(S) encoder
// can publish.
func (c *Client) CreateIngestConfiguration(ctx context.Context, in *CreateIngestConfigurationInput, options ...CallOption) (*CreateIngestConfigurationOutput, error) {
	return call(ctx, c, OpCreateIngestConfiguration, in, options)
}

// GetIngestConfiguration tells what an ingest configuration is, its stream key
// included.
func (c *Client) GetIngestConfiguration(ctx context.Context, in *GetIngestConfigurationInput, options ...CallOption) (*GetIngestConfigurationOutput, error) {
	return call(ctx, c, OpGetIngestConfiguration, in, options)
}

// UpdateIngestConfiguration attaches an ingest configuration that is not in use
// to another stage, or to none.
func (c *Client) UpdateIngestConfiguration(ctx context.Context, in *UpdateIngestConfigurationInput, options ...CallOption) (*UpdateIngestConfigurationOutput, error) {
	return call(ctx, c, OpUpdateIngestConfiguration, in, options)
}

// DeleteIngestConfiguration deletes an ingest configuration; one in use only
// when forced, which disconnects its publisher.
func (c *Client) DeleteIngestConfiguration(ctx context.Context, in *DeleteIngestConfigurationInput, options ...CallOption) (*DeleteIngestConfigurationOutput, error) {
	return call(ctx, c, OpDeleteIngestConfiguration, in, options)
}

// ListIngestConfigurations lists ingest configurations; see
// [Client.IngestConfigurations].
func (c *Client) ListIngestConfigurations(ctx context.Context, in *ListIngestConfigurationsInput, options ...CallOption) (*ListIngestConfigurationsOutput, error) {
	return call(ctx, c, OpListIngestConfigurations, in, options)
}

// StartComposition starts to compose a stage into one picture for its
// destinations. It returns while the composition is STARTING; see
// [Client.WaitUntilCompositionActive]. An input without an idempotency token is
// given one, so that retries start one composition.
func (c *Client) StartComposition(ctx context.Context, in *StartCompositionInput, options ...CallOption) (*StartCompositionOutput, error) {
	return call(ctx, c, OpStartComposition, withIdempotencyToken(in), options)
}

// GetComposition tells what a composition is and how it is doing.
func (c *Client) GetComposition(ctx context.Context, in *GetCompositionInput, options ...CallOption) (*GetCompositionOutput, error) {
	return call(ctx, c, OpGetComposition, in, options)
}

// StopComposition stops a composition and all its destinations; see
// [Client.WaitUntilCompositionStopped].
func (c *Client) StopComposition(ctx context.Context, in *StopCompositionInput, options ...CallOption) (*StopCompositionOutput, error) {
	return call(ctx, c, OpStopComposition, in, options)
}

// ListCompositions lists compositions; see [Client.Compositions].
func (c *Client) ListCompositions(ctx context.Context, in *ListCompositionsInput, options ...CallOption) (*ListCompositionsOutput, error) {
	return call(ctx, c, OpListCompositions, in, options)
}

// StartParticipantReplication shows a participant of one stage on another too.
func (c *Client) StartParticipantReplication(ctx context.Context, in *StartParticipantReplicationInput, options ...CallOption) (*StartParticipantReplicationOutput, error) {
	return call(ctx, c, OpStartParticipantReplication, in, options)
}

// StopParticipantReplication ends what StartParticipantReplication began.
func (c *Client) StopParticipantReplication(ctx context.Context, in *StopParticipantReplicationInput, options ...CallOption) (*StopParticipantReplicationOutput, error) {
	return call(ctx, c, OpStopParticipantReplication, in, options)
}

// ListParticipantReplicas lists where a participant is replicated to; see
// [Client.ParticipantReplicas].
func (c *Client) ListParticipantReplicas(ctx context.Context, in *ListParticipantReplicasInput, options ...CallOption) (*ListParticipantReplicasOutput, error) {
	return call(ctx, c, OpListParticipantReplicas, in, options)
}

// TagResource adds tags to a resource, or changes their values.
func (c *Client) TagResource(ctx context.Context, in *TagResourceInput, options ...CallOption) (*TagResourceOutput, error) {
	return call(ctx, c, OpTagResource, in, options)
}

// UntagResource removes tags from a resource.
func (c *Client) UntagResource(ctx context.Context, in *UntagResourceInput, options ...CallOption) (*UntagResourceOutput, error) {
	return call(ctx, c, OpUntagResource, in, options)
}

// ListTagsForResource lists a resource's tags.
func (c *Client) ListTagsForResource(ctx context.Context, in *ListTagsForResourceInput, options ...CallOption) (*ListTagsForResourceOutput, error) {
	return call(ctx, c, OpListTagsForResource, in, options)
}
