package ivsrealtime

import "net/http"

// An Operation declares one operation of the API: its name, its HTTP binding
// (restJson1) and the errors it models. Client, async client and server are
// built from the declaration.
type Operation[In, Out any] struct{ Spec }

// A Spec is the part of an Operation that does not depend on its types.
type Spec struct {
	Name   string // CreateStage
	Method string // POST, and for the tags GET and DELETE
	Path   string // /CreateStage, /tags/{resourceArn}
	Errors []Code // modeled errors, without the common ones
	Read   bool   // it changes nothing
}

func post[In, Out any](name string, errors ...[]Code) Operation[In, Out] {
	return declare[In, Out](name, http.MethodPost, "/"+name, false, errors)
}

func read[In, Out any](name string, errors ...[]Code) Operation[In, Out] {
	return declare[In, Out](name, http.MethodPost, "/"+name, true, errors)
}

func declare[In, Out any](name, method, path string, read bool, errors [][]Code) Operation[In, Out] {
	op := Operation[In, Out]{Spec{Name: name, Method: method, Path: path, Read: read}}
	for _, e := range errors {
		op.Errors = append(op.Errors, e...)
	}
	specs = append(specs, op.Spec)
	return op
}

var specs []Spec

// Specs lists all operations of the API in the order they are declared.
func Specs() []Spec { return append([]Spec(nil), specs...) }

// tagsPath has the ARN; its slash may be escaped.
const tagsPath = "/tags/{resourceArn}"

// Sets of modeled errors.
var (
	basic    = []Code{ValidationFailed, AccessDenied}
	missing  = []Code{ResourceNotFound}
	quota    = []Code{ServiceQuotaExceeded}
	pending  = []Code{PendingVerification}
	conflict = []Code{Conflict}
	internal = []Code{InternalServerError}
)

// The operations of Amazon IVS Real-Time Streaming, API version 2020-07-14.
var (
	OpCreateStage            = post[CreateStageInput, CreateStageOutput]("CreateStage", basic, quota, pending)
	OpGetStage               = read[GetStageInput, GetStageOutput]("GetStage", missing, basic)
	OpUpdateStage            = post[UpdateStageInput, UpdateStageOutput]("UpdateStage", missing, basic, quota, conflict, pending)
	OpDeleteStage            = post[DeleteStageInput, DeleteStageOutput]("DeleteStage", missing, basic, conflict, pending)
	OpListStages             = read[ListStagesInput, ListStagesOutput]("ListStages", basic, conflict)
	OpCreateParticipantToken = post[CreateParticipantTokenInput, CreateParticipantTokenOutput]("CreateParticipantToken", missing, basic, quota, pending)
	OpDisconnectParticipant  = post[DisconnectParticipantInput, DisconnectParticipantOutput]("DisconnectParticipant", missing, basic, pending)

	OpGetStageSession       = read[GetStageSessionInput, GetStageSessionOutput]("GetStageSession", missing, basic)
	OpListStageSessions     = read[ListStageSessionsInput, ListStageSessionsOutput]("ListStageSessions", basic)
	OpGetParticipant        = read[GetParticipantInput, GetParticipantOutput]("GetParticipant", missing, basic)
	OpListParticipants      = read[ListParticipantsInput, ListParticipantsOutput]("ListParticipants", basic)
	OpListParticipantEvents = read[ListParticipantEventsInput, ListParticipantEventsOutput]("ListParticipantEvents", basic)

	OpImportPublicKey = post[ImportPublicKeyInput, ImportPublicKeyOutput]("ImportPublicKey", basic, quota, conflict, pending)
	OpGetPublicKey    = read[GetPublicKeyInput, GetPublicKeyOutput]("GetPublicKey", missing, basic)
	OpDeletePublicKey = post[DeletePublicKeyInput, DeletePublicKeyOutput]("DeletePublicKey", missing, basic, conflict, pending)
	OpListPublicKeys  = read[ListPublicKeysInput, ListPublicKeysOutput]("ListPublicKeys", basic)

	OpRevokeConnectionToken = post[RevokeConnectionTokenInput, RevokeConnectionTokenOutput]("RevokeConnectionToken", basic, internal)

	OpCreateEncoderConfiguration = post[CreateEncoderConfigurationInput, CreateEncoderConfigurationOutput]("CreateEncoderConfiguration", missing, basic, internal, quota, conflict, pending)
	OpGetEncoderConfiguration    = read[GetEncoderConfigurationInput, GetEncoderConfigurationOutput]("GetEncoderConfiguration", missing, basic, internal, quota, conflict)
	OpDeleteEncoderConfiguration = post[DeleteEncoderConfigurationInput, DeleteEncoderConfigurationOutput]("DeleteEncoderConfiguration", missing, basic, internal, quota, conflict)
	OpListEncoderConfigurations  = read[ListEncoderConfigurationsInput, ListEncoderConfigurationsOutput]("ListEncoderConfigurations", basic, internal, quota, conflict)

	OpCreateStorageConfiguration = post[CreateStorageConfigurationInput, CreateStorageConfigurationOutput]("CreateStorageConfiguration", missing, basic, internal, quota, conflict, pending)
	OpGetStorageConfiguration    = read[GetStorageConfigurationInput, GetStorageConfigurationOutput]("GetStorageConfiguration", missing, basic, internal, quota, conflict)
	OpDeleteStorageConfiguration = post[DeleteStorageConfigurationInput, DeleteStorageConfigurationOutput]("DeleteStorageConfiguration", missing, basic, internal, quota, conflict)
	OpListStorageConfigurations  = read[ListStorageConfigurationsInput, ListStorageConfigurationsOutput]("ListStorageConfigurations", basic, internal, quota, conflict)

	OpCreateIngestConfiguration = post[CreateIngestConfigurationInput, CreateIngestConfigurationOutput]("CreateIngestConfiguration", basic, quota, pending)
	OpGetIngestConfiguration    = read[GetIngestConfigurationInput, GetIngestConfigurationOutput]("GetIngestConfiguration", missing, basic)
	OpUpdateIngestConfiguration = post[UpdateIngestConfigurationInput, UpdateIngestConfigurationOutput]("UpdateIngestConfiguration", missing, basic, conflict, pending)
	OpDeleteIngestConfiguration = post[DeleteIngestConfigurationInput, DeleteIngestConfigurationOutput]("DeleteIngestConfiguration", missing, basic, conflict, pending)
	OpListIngestConfigurations  = read[ListIngestConfigurationsInput, ListIngestConfigurationsOutput]("ListIngestConfigurations", basic)

	OpStartComposition = post[StartCompositionInput, StartCompositionOutput]("StartComposition", missing, basic, internal, quota, conflict, pending)
	OpGetComposition   = read[GetCompositionInput, GetCompositionOutput]("GetComposition", missing, basic, internal, quota, conflict)
	OpStopComposition  = post[StopCompositionInput, StopCompositionOutput]("StopComposition", missing, basic, internal, quota, conflict)
	OpListCompositions = read[ListCompositionsInput, ListCompositionsOutput]("ListCompositions", basic, internal, quota, conflict)

	OpStartParticipantReplication = post[StartParticipantReplicationInput, StartParticipantReplicationOutput]("StartParticipantReplication", missing, basic, internal, quota, conflict, pending)
	OpStopParticipantReplication  = post[StopParticipantReplicationInput, StopParticipantReplicationOutput]("StopParticipantReplication", missing, basic, internal)
	OpListParticipantReplicas     = read[ListParticipantReplicasInput, ListParticipantReplicasOutput]("ListParticipantReplicas", basic)

	OpTagResource         = declare[TagResourceInput, TagResourceOutput]("TagResource", http.MethodPost, tagsPath, false, tagErrors)
	OpUntagResource       = declare[UntagResourceInput, UntagResourceOutput]("UntagResource", http.MethodDelete, tagsPath, false, tagErrors)
	OpListTagsForResource = declare[ListTagsForResourceInput, ListTagsForResourceOutput]("ListTagsForResource", http.MethodGet, tagsPath, true, tagErrors)
)

var tagErrors = [][]Code{missing, {ValidationFailed}, internal}
