package ivsrealtime

import "context"

// CreateStage begins what [Client.CreateStage] does.
func (a *AsyncClient) CreateStage(ctx context.Context, in *CreateStageInput, options ...CallOption) *Call[*CreateStageOutput] {
	return start(ctx, a, OpCreateStage, in, options)
}

// GetStage begins what [Client.GetStage] does.
func (a *AsyncClient) GetStage(ctx context.Context, in *GetStageInput, options ...CallOption) *Call[*GetStageOutput] {
	return start(ctx, a, OpGetStage, in, options)
}

// UpdateStage begins what [Client.UpdateStage] does.
func (a *AsyncClient) UpdateStage(ctx context.Context, in *UpdateStageInput, options ...CallOption) *Call[*UpdateStageOutput] {
	return start(ctx, a, OpUpdateStage, in, options)
}

// DeleteStage begins what [Client.DeleteStage] does.
func (a *AsyncClient) DeleteStage(ctx context.Context, in *DeleteStageInput, options ...CallOption) *Call[*DeleteStageOutput] {
	return start(ctx, a, OpDeleteStage, in, options)
}

// ListStages begins what [Client.ListStages] does.
func (a *AsyncClient) ListStages(ctx context.Context, in *ListStagesInput, options ...CallOption) *Call[*ListStagesOutput] {
	return start(ctx, a, OpListStages, in, options)
}

// CreateParticipantToken begins what [Client.CreateParticipantToken] does.
func (a *AsyncClient) CreateParticipantToken(ctx context.Context, in *CreateParticipantTokenInput, options ...CallOption) *Call[*CreateParticipantTokenOutput] {
	return start(ctx, a, OpCreateParticipantToken, in, options)
}

// DisconnectParticipant begins what [Client.DisconnectParticipant] does.
func (a *AsyncClient) DisconnectParticipant(ctx context.Context, in *DisconnectParticipantInput, options ...CallOption) *Call[*DisconnectParticipantOutput] {
	return start(ctx, a, OpDisconnectParticipant, in, options)
}

// RevokeConnectionToken begins what [Client.RevokeConnectionToken] does.
func (a *AsyncClient) RevokeConnectionToken(ctx context.Context, in *RevokeConnectionTokenInput, options ...CallOption) *Call[*RevokeConnectionTokenOutput] {
	return start(ctx, a, OpRevokeConnectionToken, in, options)
}

// GetStageSession begins what [Client.GetStageSession] does.
func (a *AsyncClient) GetStageSession(ctx context.Context, in *GetStageSessionInput, options ...CallOption) *Call[*GetStageSessionOutput] {
	return start(ctx, a, OpGetStageSession, in, options)
}

// ListStageSessions begins what [Client.ListStageSessions] does.
func (a *AsyncClient) ListStageSessions(ctx context.Context, in *ListStageSessionsInput, options ...CallOption) *Call[*ListStageSessionsOutput] {
	return start(ctx, a, OpListStageSessions, in, options)
}

// GetParticipant begins what [Client.GetParticipant] does.
func (a *AsyncClient) GetParticipant(ctx context.Context, in *GetParticipantInput, options ...CallOption) *Call[*GetParticipantOutput] {
	return start(ctx, a, OpGetParticipant, in, options)
}

// ListParticipants begins what [Client.ListParticipants] does.
func (a *AsyncClient) ListParticipants(ctx context.Context, in *ListParticipantsInput, options ...CallOption) *Call[*ListParticipantsOutput] {
	return start(ctx, a, OpListParticipants, in, options)
}

// ListParticipantEvents begins what [Client.ListParticipantEvents] does.
func (a *AsyncClient) ListParticipantEvents(ctx context.Context, in *ListParticipantEventsInput, options ...CallOption) *Call[*ListParticipantEventsOutput] {
	return start(ctx, a, OpListParticipantEvents, in, options)
}

// ImportPublicKey begins what [Client.ImportPublicKey] does.
func (a *AsyncClient) ImportPublicKey(ctx context.Context, in *ImportPublicKeyInput, options ...CallOption) *Call[*ImportPublicKeyOutput] {
	return start(ctx, a, OpImportPublicKey, in, options)
}

// GetPublicKey begins what [Client.GetPublicKey] does.
func (a *AsyncClient) GetPublicKey(ctx context.Context, in *GetPublicKeyInput, options ...CallOption) *Call[*GetPublicKeyOutput] {
	return start(ctx, a, OpGetPublicKey, in, options)
}

// DeletePublicKey begins what [Client.DeletePublicKey] does.
func (a *AsyncClient) DeletePublicKey(ctx context.Context, in *DeletePublicKeyInput, options ...CallOption) *Call[*DeletePublicKeyOutput] {
	return start(ctx, a, OpDeletePublicKey, in, options)
}

// ListPublicKeys begins what [Client.ListPublicKeys] does.
func (a *AsyncClient) ListPublicKeys(ctx context.Context, in *ListPublicKeysInput, options ...CallOption) *Call[*ListPublicKeysOutput] {
	return start(ctx, a, OpListPublicKeys, in, options)
}

// CreateEncoderConfiguration begins what [Client.CreateEncoderConfiguration] does.
func (a *AsyncClient) CreateEncoderConfiguration(ctx context.Context, in *CreateEncoderConfigurationInput, options ...CallOption) *Call[*CreateEncoderConfigurationOutput] {
	return start(ctx, a, OpCreateEncoderConfiguration, in, options)
}

// GetEncoderConfiguration begins what [Client.GetEncoderConfiguration] does.
func (a *AsyncClient) GetEncoderConfiguration(ctx context.Context, in *GetEncoderConfigurationInput, options ...CallOption) *Call[*GetEncoderConfigurationOutput] {
	return start(ctx, a, OpGetEncoderConfiguration, in, options)
}

// DeleteEncoderConfiguration begins what [Client.DeleteEncoderConfiguration] does.
func (a *AsyncClient) DeleteEncoderConfiguration(ctx context.Context, in *DeleteEncoderConfigurationInput, options ...CallOption) *Call[*DeleteEncoderConfigurationOutput] {
	return start(ctx, a, OpDeleteEncoderConfiguration, in, options)
}

// ListEncoderConfigurations begins what [Client.ListEncoderConfigurations] does.
func (a *AsyncClient) ListEncoderConfigurations(ctx context.Context, in *ListEncoderConfigurationsInput, options ...CallOption) *Call[*ListEncoderConfigurationsOutput] {
	return start(ctx, a, OpListEncoderConfigurations, in, options)
}

// CreateStorageConfiguration begins what [Client.CreateStorageConfiguration] does.
func (a *AsyncClient) CreateStorageConfiguration(ctx context.Context, in *CreateStorageConfigurationInput, options ...CallOption) *Call[*CreateStorageConfigurationOutput] {
	return start(ctx, a, OpCreateStorageConfiguration, in, options)
}

// GetStorageConfiguration begins what [Client.GetStorageConfiguration] does.
func (a *AsyncClient) GetStorageConfiguration(ctx context.Context, in *GetStorageConfigurationInput, options ...CallOption) *Call[*GetStorageConfigurationOutput] {
	return start(ctx, a, OpGetStorageConfiguration, in, options)
}

// DeleteStorageConfiguration begins what [Client.DeleteStorageConfiguration] does.
func (a *AsyncClient) DeleteStorageConfiguration(ctx context.Context, in *DeleteStorageConfigurationInput, options ...CallOption) *Call[*DeleteStorageConfigurationOutput] {
	return start(ctx, a, OpDeleteStorageConfiguration, in, options)
}

// ListStorageConfigurations begins what [Client.ListStorageConfigurations] does.
func (a *AsyncClient) ListStorageConfigurations(ctx context.Context, in *ListStorageConfigurationsInput, options ...CallOption) *Call[*ListStorageConfigurationsOutput] {
	return start(ctx, a, OpListStorageConfigurations, in, options)
}

// CreateIngestConfiguration begins what [Client.CreateIngestConfiguration] does.
func (a *AsyncClient) CreateIngestConfiguration(ctx context.Context, in *CreateIngestConfigurationInput, options ...CallOption) *Call[*CreateIngestConfigurationOutput] {
	return start(ctx, a, OpCreateIngestConfiguration, in, options)
}

// GetIngestConfiguration begins what [Client.GetIngestConfiguration] does.
func (a *AsyncClient) GetIngestConfiguration(ctx context.Context, in *GetIngestConfigurationInput, options ...CallOption) *Call[*GetIngestConfigurationOutput] {
	return start(ctx, a, OpGetIngestConfiguration, in, options)
}

// UpdateIngestConfiguration begins what [Client.UpdateIngestConfiguration] does.
func (a *AsyncClient) UpdateIngestConfiguration(ctx context.Context, in *UpdateIngestConfigurationInput, options ...CallOption) *Call[*UpdateIngestConfigurationOutput] {
	return start(ctx, a, OpUpdateIngestConfiguration, in, options)
}

// DeleteIngestConfiguration begins what [Client.DeleteIngestConfiguration] does.
func (a *AsyncClient) DeleteIngestConfiguration(ctx context.Context, in *DeleteIngestConfigurationInput, options ...CallOption) *Call[*DeleteIngestConfigurationOutput] {
	return start(ctx, a, OpDeleteIngestConfiguration, in, options)
}

// ListIngestConfigurations begins what [Client.ListIngestConfigurations] does.
func (a *AsyncClient) ListIngestConfigurations(ctx context.Context, in *ListIngestConfigurationsInput, options ...CallOption) *Call[*ListIngestConfigurationsOutput] {
	return start(ctx, a, OpListIngestConfigurations, in, options)
}

// StartComposition begins what [Client.StartComposition] does.
func (a *AsyncClient) StartComposition(ctx context.Context, in *StartCompositionInput, options ...CallOption) *Call[*StartCompositionOutput] {
	return start(ctx, a, OpStartComposition, withIdempotencyToken(in), options)
}

// GetComposition begins what [Client.GetComposition] does.
func (a *AsyncClient) GetComposition(ctx context.Context, in *GetCompositionInput, options ...CallOption) *Call[*GetCompositionOutput] {
	return start(ctx, a, OpGetComposition, in, options)
}

// StopComposition begins what [Client.StopComposition] does.
func (a *AsyncClient) StopComposition(ctx context.Context, in *StopCompositionInput, options ...CallOption) *Call[*StopCompositionOutput] {
	return start(ctx, a, OpStopComposition, in, options)
}

// ListCompositions begins what [Client.ListCompositions] does.
func (a *AsyncClient) ListCompositions(ctx context.Context, in *ListCompositionsInput, options ...CallOption) *Call[*ListCompositionsOutput] {
	return start(ctx, a, OpListCompositions, in, options)
}

// StartParticipantReplication begins what [Client.StartParticipantReplication] does.
func (a *AsyncClient) StartParticipantReplication(ctx context.Context, in *StartParticipantReplicationInput, options ...CallOption) *Call[*StartParticipantReplicationOutput] {
	return start(ctx, a, OpStartParticipantReplication, in, options)
}

// StopParticipantReplication begins what [Client.StopParticipantReplication] does.
func (a *AsyncClient) StopParticipantReplication(ctx context.Context, in *StopParticipantReplicationInput, options ...CallOption) *Call[*StopParticipantReplicationOutput] {
	return start(ctx, a, OpStopParticipantReplication, in, options)
}

// ListParticipantReplicas begins what [Client.ListParticipantReplicas] does.
func (a *AsyncClient) ListParticipantReplicas(ctx context.Context, in *ListParticipantReplicasInput, options ...CallOption) *Call[*ListParticipantReplicasOutput] {
	return start(ctx, a, OpListParticipantReplicas, in, options)
}

// TagResource begins what [Client.TagResource] does.
func (a *AsyncClient) TagResource(ctx context.Context, in *TagResourceInput, options ...CallOption) *Call[*TagResourceOutput] {
	return start(ctx, a, OpTagResource, in, options)
}

// UntagResource begins what [Client.UntagResource] does.
func (a *AsyncClient) UntagResource(ctx context.Context, in *UntagResourceInput, options ...CallOption) *Call[*UntagResourceOutput] {
	return start(ctx, a, OpUntagResource, in, options)
}

// ListTagsForResource begins what [Client.ListTagsForResource] does.
func (a *AsyncClient) ListTagsForResource(ctx context.Context, in *ListTagsForResourceInput, options ...CallOption) *Call[*ListTagsForResourceOutput] {
	return start(ctx, a, OpListTagsForResource, in, options)
}
