package main

import (
	"fmt"
	"reflect"

	"rostrum/internal/ivs"
	"rostrum/ivsrealtime"
)

// operations writes the operations of the API whose input is the body of a request.
func operations(g *generator) {
	fmt.Fprintf(&g.types, header, "ivsrealtime")
	o := &operationMap{generator: g}
	add(o, ivsrealtime.OpCreateStage)
	add(o, ivsrealtime.OpGetStage)
	add(o, ivsrealtime.OpUpdateStage)
	add(o, ivsrealtime.OpDeleteStage)
	add(o, ivsrealtime.OpListStages)
	add(o, ivsrealtime.OpCreateParticipantToken)
	add(o, ivsrealtime.OpDisconnectParticipant)
	add(o, ivsrealtime.OpGetStageSession)
	add(o, ivsrealtime.OpListStageSessions)
	add(o, ivsrealtime.OpGetParticipant)
	add(o, ivsrealtime.OpListParticipants)
	add(o, ivsrealtime.OpListParticipantEvents)
	add(o, ivsrealtime.OpImportPublicKey)
	add(o, ivsrealtime.OpGetPublicKey)
	add(o, ivsrealtime.OpDeletePublicKey)
	add(o, ivsrealtime.OpListPublicKeys)
	add(o, ivsrealtime.OpRevokeConnectionToken)
	add(o, ivsrealtime.OpCreateEncoderConfiguration)
	add(o, ivsrealtime.OpGetEncoderConfiguration)
	add(o, ivsrealtime.OpDeleteEncoderConfiguration)
	add(o, ivsrealtime.OpListEncoderConfigurations)
	add(o, ivsrealtime.OpCreateStorageConfiguration)
	add(o, ivsrealtime.OpGetStorageConfiguration)
	add(o, ivsrealtime.OpDeleteStorageConfiguration)
	add(o, ivsrealtime.OpListStorageConfigurations)
	add(o, ivsrealtime.OpCreateIngestConfiguration)
	add(o, ivsrealtime.OpGetIngestConfiguration)
	add(o, ivsrealtime.OpUpdateIngestConfiguration)
	add(o, ivsrealtime.OpDeleteIngestConfiguration)
	add(o, ivsrealtime.OpListIngestConfigurations)
	add(o, ivsrealtime.OpStartComposition)
	add(o, ivsrealtime.OpGetComposition)
	add(o, ivsrealtime.OpStopComposition)
	add(o, ivsrealtime.OpListCompositions)
	add(o, ivsrealtime.OpStartParticipantReplication)
	add(o, ivsrealtime.OpStopParticipantReplication)
	add(o, ivsrealtime.OpListParticipantReplicas)
	add(o, ivsrealtime.OpUntagResource)
	o.write("Operations")
}

// channels writes the operations of the channel API.
func channels(g *generator) {
	fmt.Fprintf(&g.types, header, "internal/ivs")
	o := &operationMap{generator: g}
	add(o, ivs.OpCreateChannel)
	add(o, ivs.OpGetChannel)
	add(o, ivs.OpListChannels)
	add(o, ivs.OpUpdateChannel)
	add(o, ivs.OpDeleteChannel)
	add(o, ivs.OpCreateStreamKey)
	add(o, ivs.OpGetStreamKey)
	add(o, ivs.OpListStreamKeys)
	add(o, ivs.OpDeleteStreamKey)
	add(o, ivs.OpGetStream)
	add(o, ivs.OpListStreams)
	add(o, ivs.OpStopStream)
	o.write("ChannelOperations")
}

// An operationMap is the body of an interface with a member for each operation.
type operationMap struct {
	*generator
	members string
}

func (o *operationMap) write(name string) {
	fmt.Fprintf(&o.types, "\n/** Input and output of each operation. */\nexport interface %s {\n%s}\n", name, o.members)
}

func add[In, Out any](o *operationMap, op ivsrealtime.Operation[In, Out]) {
	o.members += fmt.Sprintf("  %s: { input: %s; output: %s };\n", op.Name, o.name(reflect.TypeFor[In]()), o.name(reflect.TypeFor[Out]()))
}
