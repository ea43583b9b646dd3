package ivsrealtime

import "context"

// CreateStage begins what [Client.CreateStage] does.
func (a *AsyncClient) CreateStage(ctx context.Context, in *CreateStageInput) *Call[*CreateStageOutput] {
	return start(ctx, a, OpCreateStage, in)
}

// GetStage begins what [Client.GetStage] does.
func (a *AsyncClient) GetStage(ctx context.Context, in *GetStageInput) *Call[*GetStageOutput] {
	return start(ctx, a, OpGetStage, in)
}

// UpdateStage begins what [Client.UpdateStage] does.
func (a *AsyncClient) UpdateStage(ctx context.Context, in *UpdateStageInput) *Call[*UpdateStageOutput] {
	return start(ctx, a, OpUpdateStage, in)
}

// DeleteStage begins what [Client.DeleteStage] does.
func (a *AsyncClient) DeleteStage(ctx context.Context, in *DeleteStageInput) *Call[*DeleteStageOutput] {
	return start(ctx, a, OpDeleteStage, in)
}

// ListStages begins what [Client.ListStages] does.
func (a *AsyncClient) ListStages(ctx context.Context, in *ListStagesInput) *Call[*ListStagesOutput] {
	return start(ctx, a, OpListStages, in)
}

// CreateParticipantToken begins what [Client.CreateParticipantToken] does.
func (a *AsyncClient) CreateParticipantToken(ctx context.Context, in *CreateParticipantTokenInput) *Call[*CreateParticipantTokenOutput] {
	return start(ctx, a, OpCreateParticipantToken, in)
}

// DisconnectParticipant begins what [Client.DisconnectParticipant] does.
func (a *AsyncClient) DisconnectParticipant(ctx context.Context, in *DisconnectParticipantInput) *Call[*DisconnectParticipantOutput] {
	return start(ctx, a, OpDisconnectParticipant, in)
}

// RevokeConnectionToken begins what [Client.RevokeConnectionToken] does.
func (a *AsyncClient) RevokeConnectionToken(ctx context.Context, in *RevokeConnectionTokenInput) *Call[*RevokeConnectionTokenOutput] {
	return start(ctx, a, OpRevokeConnectionToken, in)
}

// GetStageSession begins what [Client.GetStageSession] does.
func (a *AsyncClient) GetStageSession(ctx context.Context, in *GetStageSessionInput) *Call[*GetStageSessionOutput] {
	return start(ctx, a, OpGetStageSession, in)
}

// ListStageSessions begins what [Client.ListStageSessions] does.
func (a *AsyncClient) ListStageSessions(ctx context.Context, in *ListStageSessionsInput) *Call[*ListStageSessionsOutput] {
	return start(ctx, a, OpListStageSessions, in)
}

// GetParticipant begins what [Client.GetParticipant] does.
func (a *AsyncClient) GetParticipant(ctx context.Context, in *GetParticipantInput) *Call[*GetParticipantOutput] {
	return start(ctx, a, OpGetParticipant, in)
}

// ListParticipants begins what [Client.ListParticipants] does.
func (a *AsyncClient) ListParticipants(ctx context.Context, in *ListParticipantsInput) *Call[*ListParticipantsOutput] {
	return start(ctx, a, OpListParticipants, in)
}

// ListParticipantEvents begins what [Client.ListParticipantEvents] does.
func (a *AsyncClient) ListParticipantEvents(ctx context.Context, in *ListParticipantEventsInput) *Call[*ListParticipantEventsOutput] {
	return start(ctx, a, OpListParticipantEvents, in)
}

// ImportPublicKey begins what [Client.ImportPublicKey] does.
func (a *AsyncClient) ImportPublicKey(ctx context.Context, in *ImportPublicKeyInput) *Call[*ImportPublicKeyOutput] {
	return start(ctx, a, OpImportPublicKey, in)
}

// GetPublicKey begins what [Client.GetPublicKey] does.
func (a *AsyncClient) GetPublicKey(ctx context.Context, in *GetPublicKeyInput) *Call[*GetPublicKeyOutput] {
	return start(ctx, a, OpGetPublicKey, in)
}

// DeletePublicKey begins what [Client.DeletePublicKey] does.
func (a *AsyncClient) DeletePublicKey(ctx context.Context, in *DeletePublicKeyInput) *Call[*DeletePublicKeyOutput] {
	return start(ctx, a, OpDeletePublicKey, in)
}

// ListPublicKeys begins what [Client.ListPublicKeys] does.
func (a *AsyncClient) ListPublicKeys(ctx context.Context, in *ListPublicKeysInput) *Call[*ListPublicKeysOutput] {
	return start(ctx, a, OpListPublicKeys, in)
}

// CreateEncoderConfiguration begins what [Client.CreateEncoderConfiguration] does.
func (a *AsyncClient) CreateEncoderConfiguration(ctx context.Context, in *CreateEncoderConfigurationInput) *Call[*CreateEncoderConfigurationOutput] {
	return start(ctx, a, OpCreateEncoderConfiguration, in)
}

// GetEncoderConfiguration begins what [Client.GetEncoderConfiguration] does.
func (a *AsyncClient) GetEncoderConfiguration(ctx context.Context, in *GetEncoderConfigurationInput) *Call[*GetEncoderConfigurationOutput] {
	return start(ctx, a, OpGetEncoderConfiguration, in)
}

// DeleteEncoderConfiguration begins what [Client.DeleteEncoderConfiguration] does.
func (a *AsyncClient) DeleteEncoderConfiguration(ctx context.Context, in *DeleteEncoderConfigurationInput) *Call[*DeleteEncoderConfigurationOutput] {
	return start(ctx, a, OpDeleteEncoderConfiguration, in)
}

// ListEncoderConfigurations begins what [Client.ListEncoderConfigurations] does.
func (a *AsyncClient) ListEncoderConfigurations(ctx context.Context, in *ListEncoderConfigurationsInput) *Call[*ListEncoderConfigurationsOutput] {
	return start(ctx, a, OpListEncoderConfigurations, in)
}

// CreateStorageConfiguration begins what [Client.CreateStorageConfiguration] does.
func (a *AsyncClient) CreateStorageConfiguration(ctx context.Context, in *CreateStorageConfigurationInput) *Call[*CreateStorageConfigurationOutput] {
	return start(ctx, a, OpCreateStorageConfiguration, in)
}

// GetStorageConfiguration begins what [Client.GetStorageConfiguration] does.
func (a *AsyncClient) GetStorageConfiguration(ctx context.Context, in *GetStorageConfigurationInput) *Call[*GetStorageConfigurationOutput] {
	return start(ctx, a, OpGetStorageConfiguration, in)
}

// DeleteStorageConfiguration begins what [Client.DeleteStorageConfiguration] does.
func (a *AsyncClient) DeleteStorageConfiguration(ctx context.Context, in *DeleteStorageConfigurationInput) *Call[*DeleteStorageConfigurationOutput] {
	return start(ctx, a, OpDeleteStorageConfiguration, in)
}

// ListStorageConfigurations begins what [Client.ListStorageConfigurations] does.
func (a *AsyncClient) ListStorageConfigurations(ctx context.Context, in *ListStorageConfigurationsInput) *Call[*ListStorageConfigurationsOutput] {
	return start(ctx, a, OpListStorageConfigurations, in)
}

// CreateIngestConfiguration begins what [Client.CreateIngestConfiguration] does.
func (a *AsyncClient) CreateIngestConfiguration(ctx context.Context, in *CreateIngestConfigurationInput) *Call[*CreateIngestConfigurationOutput] {
	return start(ctx, a, OpCreateIngestConfiguration, in)
}

// GetIngestConfiguration begins what [Client.GetIngestConfiguration] does.
func (a *AsyncClient) GetIngestConfiguration(ctx context.Context, in *GetIngestConfigurationInput) *Call[*GetIngestConfigurationOutput] {
	return start(ctx, a, OpGetIngestConfiguration, in)
}

// UpdateIngestConfiguration begins what [Client.UpdateIngestConfiguration] does.
func (a *AsyncClient) UpdateIngestConfiguration(ctx context.Context, in *UpdateIngestConfigurationInput) *Call[*UpdateIngestConfigurationOutput] {
	return start(ctx, a, OpUpdateIngestConfiguration, in)
}

// DeleteIngestConfiguration begins what [Client.DeleteIngestConfiguration] does.
func (a *AsyncClient) DeleteIngestConfiguration(ctx context.Context, in *DeleteIngestConfigurationInput) *Call[*DeleteIngestConfigurationOutput] {
	return start(ctx, a, OpDeleteIngestConfiguration, in)
}

// ListIngestConfigurations begins what [Client.ListIngestConfigurations] does.
func (a *AsyncClient) ListIngestConfigurations(ctx context.Context, in *ListIngestConfigurationsInput) *Call[*ListIngestConfigurationsOutput] {
	return start(ctx, a, OpListIngestConfigurations, in)
}

// StartComposition begins what [Client.StartComposition] does.
func (a *AsyncClient) StartComposition(ctx context.Context, in *StartCompositionInput) *Call[*StartCompositionOutput] {
	return start(ctx, a, OpStartComposition, withIdempotencyToken(in))
}

// GetComposition begins what [Client.GetComposition] does.
func (a *AsyncClient) GetComposition(ctx context.Context, in *GetCompositionInput) *Call[*GetCompositionOutput] {
	return start(ctx, a, OpGetComposition, in)
}

// StopComposition begins what [Client.StopComposition] does.
func (a *AsyncClient) StopComposition(ctx context.Context, in *StopCompositionInput) *Call[*StopCompositionOutput] {
	return start(ctx, a, OpStopComposition, in)
}

// ListCompositions begins what [Client.ListCompositions] does.
func (a *AsyncClient) ListCompositions(ctx context.Context, in *ListCompositionsInput) *Call[*ListCompositionsOutput] {
	return start(ctx, a, OpListCompositions, in)
}

// StartParticipantReplication begins what [Client.StartParticipantReplication] does.
func (a *AsyncClient) StartParticipantReplication(ctx context.Context, in *StartParticipantReplicationInput) *Call[*StartParticipantReplicationOutput] {
	return start(ctx, a, OpStartParticipantReplication, in)
}

// StopParticipantReplication begins what [Client.StopParticipantReplication] does.
func (a *AsyncClient) StopParticipantReplication(ctx context.Context, in *StopParticipantReplicationInput) *Call[*StopParticipantReplicationOutput] {
	return start(ctx, a, OpStopParticipantReplication, in)
}

// ListParticipantReplicas begins what [Client.ListParticipantReplicas] does.
func (a *AsyncClient) ListParticipantReplicas(ctx context.Context, in *ListParticipantReplicasInput) *Call[*ListParticipantReplicasOutput] {
	return start(ctx, a, OpListParticipantReplicas, in)
}

// TagResource begins what [Client.TagResource] does.
func (a *AsyncClient) TagResource(ctx context.Context, in *TagResourceInput) *Call[*TagResourceOutput] {
	return start(ctx, a, OpTagResource, in)
}

// UntagResource begins what [Client.UntagResource] does.
func (a *AsyncClient) UntagResource(ctx context.Context, in *UntagResourceInput) *Call[*UntagResourceOutput] {
	return start(ctx, a, OpUntagResource, in)
}

// ListTagsForResource begins what [Client.ListTagsForResource] does.
func (a *AsyncClient) ListTagsForResource(ctx context.Context, in *ListTagsForResourceInput) *Call[*ListTagsForResourceOutput] {
	return start(ctx, a, OpListTagsForResource, in)
}
