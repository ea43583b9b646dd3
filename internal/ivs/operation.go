package ivs

import (
	"net/http"

	"rostrum/ivsrealtime"
)

// Operations of the channel API, each declared once.
var (
	OpCreateChannel   = change[CreateChannelInput, CreateChannelOutput]("CreateChannel", ivsrealtime.ResourceNotFound, ivsrealtime.ServiceQuotaExceeded, ivsrealtime.PendingVerification)
	OpGetChannel      = read[GetChannelInput, GetChannelOutput]("GetChannel", ivsrealtime.ResourceNotFound)
	OpBatchGetChannel = read[BatchGetChannelInput, BatchGetChannelOutput]("BatchGetChannel", ivsrealtime.ServiceUnavailable)
	OpListChannels    = read[ListChannelsInput, ListChannelsOutput]("ListChannels", ivsrealtime.Conflict)
	OpUpdateChannel   = change[UpdateChannelInput, UpdateChannelOutput]("UpdateChannel", ivsrealtime.ResourceNotFound, ivsrealtime.Conflict, ivsrealtime.PendingVerification, ivsrealtime.Throttling)
	OpDeleteChannel   = change[DeleteChannelInput, Unit]("DeleteChannel", ivsrealtime.ResourceNotFound, ivsrealtime.Conflict, ivsrealtime.PendingVerification)

	OpCreateStreamKey   = change[CreateStreamKeyInput, CreateStreamKeyOutput]("CreateStreamKey", ivsrealtime.ResourceNotFound, ivsrealtime.ServiceQuotaExceeded, ivsrealtime.PendingVerification)
	OpGetStreamKey      = read[GetStreamKeyInput, GetStreamKeyOutput]("GetStreamKey", ivsrealtime.ResourceNotFound)
	OpBatchGetStreamKey = read[BatchGetStreamKeyInput, BatchGetStreamKeyOutput]("BatchGetStreamKey", ivsrealtime.ServiceUnavailable)
	OpListStreamKeys    = read[ListStreamKeysInput, ListStreamKeysOutput]("ListStreamKeys", ivsrealtime.ResourceNotFound)
	OpDeleteStreamKey   = change[DeleteStreamKeyInput, Unit]("DeleteStreamKey", ivsrealtime.ResourceNotFound, ivsrealtime.PendingVerification)

	OpGetStream   = read[GetStreamInput, GetStreamOutput]("GetStream", ivsrealtime.ResourceNotFound, ivsrealtime.ChannelNotBroadcasting)
	OpListStreams = read[ListStreamsInput, ListStreamsOutput]("ListStreams")
	OpStopStream  = change[StopStreamInput, StopStreamOutput]("StopStream", ivsrealtime.ResourceNotFound, ivsrealtime.ChannelNotBroadcasting, ivsrealtime.StreamUnavailable)
)

func change[In, Out any](name string, errors ...ivsrealtime.Code) ivsrealtime.Operation[In, Out] {
	return declare[In, Out](name, false, append(errors, ivsrealtime.ValidationFailed, ivsrealtime.AccessDenied))
}

func read[In, Out any](name string, errors ...ivsrealtime.Code) ivsrealtime.Operation[In, Out] {
	return declare[In, Out](name, true, append(errors, ivsrealtime.ValidationFailed, ivsrealtime.AccessDenied))
}

func declare[In, Out any](name string, read bool, errors []ivsrealtime.Code) ivsrealtime.Operation[In, Out] {
	op := ivsrealtime.Operation[In, Out]{Spec: ivsrealtime.Spec{Name: name, Method: http.MethodPost, Path: "/" + name, Errors: errors, Read: read}}
	specs = append(specs, op.Spec)
	return op
}

var specs []ivsrealtime.Spec

// Specs lists the operations in the order they are declared.
func Specs() []ivsrealtime.Spec { return append([]ivsrealtime.Spec(nil), specs...) }

// Unsupported has the operations of the service that Rostrum does not offer.
var Unsupported = []string{
	"BatchStartViewerSessionRevocation", "StartViewerSessionRevocation",
	"CreatePlaybackRestrictionPolicy", "GetPlaybackRestrictionPolicy", "UpdatePlaybackRestrictionPolicy", "DeletePlaybackRestrictionPolicy", "ListPlaybackRestrictionPolicies",
	"CreateRecordingConfiguration", "GetRecordingConfiguration", "DeleteRecordingConfiguration", "ListRecordingConfigurations",
	"ImportPlaybackKeyPair", "GetPlaybackKeyPair", "DeletePlaybackKeyPair", "ListPlaybackKeyPairs",
	"CreateAdConfiguration", "GetAdConfiguration", "UpdateAdConfiguration", "DeleteAdConfiguration", "ListAdConfigurations", "InsertAdBreak",
	"CreateFailoverSlateConfiguration", "GetFailoverSlateConfiguration", "UpdateFailoverSlateConfiguration", "DeleteFailoverSlateConfiguration", "ListFailoverSlateConfigurations",
	"GetStreamSession", "ListStreamSessions", "PutMetadata",
}
