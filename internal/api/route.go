// Package api is the REST door: it turns requests as AWS SDKs send them
// (restJson1, SigV4) into calls of the control plane, and what comes back into
// answers as the SDKs parse them. It decides nothing itself.
package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"rostrum/internal/control"
	"rostrum/internal/ivs"
	"rostrum/ivsrealtime"
)

// An operation is one row of the operation table.
type operation struct {
	spec    ivsrealtime.Spec
	maxBody int // bytes
	run     func(ctx context.Context, caller control.Caller, r *http.Request, body []byte) (out any, err error)
}

// A call is an operation's meaning, as the control plane has it.
type call[In, Out any] func(ctx context.Context, caller control.Caller, in *In) (*Out, error)

// serve adds an operation on stages to the table.
func serve[In, Out any](d *Door, op ivsrealtime.Operation[In, Out], mean call[In, Out]) {
	enter(d, op, ivsrealtime.Validate, mean)
}

// serveChannels adds an operation on channels to the table.
func serveChannels[In, Out any](d *Door, op ivsrealtime.Operation[In, Out], mean call[In, Out]) {
	enter(d, op, ivs.Validate, mean)
}

func enter[In, Out any](d *Door, op ivsrealtime.Operation[In, Out], validate func(any) error, mean call[In, Out]) {
	d.operations[op.Method+" "+op.Path] = operation{op.Spec, maxBodyOf(reflect.TypeFor[In]()), func(ctx context.Context, caller control.Caller, r *http.Request, body []byte) (any, error) {
		in := new(In)
		if err := decode(r, body, in); err != nil {
			return nil, err
		}
		if err := validate(in); err != nil {
			return nil, err
		}
		if err := d.plane.Authorize(ctx, caller, op.Name, in); err != nil {
			return nil, err
		}
		return mean(ctx, caller, in)
	}}
}

// table declares every operation this door serves.
func (d *Door) table() {
	p := d.plane
	serve(d, ivsrealtime.OpCreateStage, p.CreateStage)
	serve(d, ivsrealtime.OpGetStage, p.GetStage)
	serve(d, ivsrealtime.OpUpdateStage, p.UpdateStage)
	serve(d, ivsrealtime.OpDeleteStage, p.DeleteStage)
	serve(d, ivsrealtime.OpListStages, p.ListStages)
	serve(d, ivsrealtime.OpCreateParticipantToken, p.CreateParticipantToken)
	serve(d, ivsrealtime.OpDisconnectParticipant, p.DisconnectParticipant)
	serve(d, ivsrealtime.OpGetStageSession, p.GetStageSession)
	serve(d, ivsrealtime.OpListStageSessions, p.ListStageSessions)
	serve(d, ivsrealtime.OpGetParticipant, p.GetParticipant)
	serve(d, ivsrealtime.OpListParticipants, p.ListParticipants)
	serve(d, ivsrealtime.OpListParticipantEvents, p.ListParticipantEvents)
	serve(d, ivsrealtime.OpImportPublicKey, p.ImportPublicKey)
	serve(d, ivsrealtime.OpGetPublicKey, p.GetPublicKey)
	serve(d, ivsrealtime.OpDeletePublicKey, p.DeletePublicKey)
	serve(d, ivsrealtime.OpListPublicKeys, p.ListPublicKeys)
	serve(d, ivsrealtime.OpCreateEncoderConfiguration, p.CreateEncoderConfiguration)
	serve(d, ivsrealtime.OpGetEncoderConfiguration, p.GetEncoderConfiguration)
	serve(d, ivsrealtime.OpDeleteEncoderConfiguration, p.DeleteEncoderConfiguration)
	serve(d, ivsrealtime.OpListEncoderConfigurations, p.ListEncoderConfigurations)
	serve(d, ivsrealtime.OpCreateStorageConfiguration, p.CreateStorageConfiguration)
	serve(d, ivsrealtime.OpGetStorageConfiguration, p.GetStorageConfiguration)
	serve(d, ivsrealtime.OpDeleteStorageConfiguration, p.DeleteStorageConfiguration)
	serve(d, ivsrealtime.OpListStorageConfigurations, p.ListStorageConfigurations)
	serve(d, ivsrealtime.OpCreateIngestConfiguration, p.CreateIngestConfiguration)
	serve(d, ivsrealtime.OpGetIngestConfiguration, p.GetIngestConfiguration)
	serve(d, ivsrealtime.OpUpdateIngestConfiguration, p.UpdateIngestConfiguration)
	serve(d, ivsrealtime.OpDeleteIngestConfiguration, p.DeleteIngestConfiguration)
	serve(d, ivsrealtime.OpListIngestConfigurations, p.ListIngestConfigurations)
	serve(d, ivsrealtime.OpStartComposition, p.StartComposition)
	serve(d, ivsrealtime.OpGetComposition, p.GetComposition)
	serve(d, ivsrealtime.OpStopComposition, p.StopComposition)
	serve(d, ivsrealtime.OpListCompositions, p.ListCompositions)
	serve(d, ivsrealtime.OpStartParticipantReplication, p.StartParticipantReplication)
	serve(d, ivsrealtime.OpStopParticipantReplication, p.StopParticipantReplication)
	serve(d, ivsrealtime.OpListParticipantReplicas, p.ListParticipantReplicas)
	serve(d, ivsrealtime.OpTagResource, p.TagResource)
	serve(d, ivsrealtime.OpUntagResource, p.UntagResource)
	serve(d, ivsrealtime.OpListTagsForResource, p.ListTagsForResource)
	serveChannels(d, ivs.OpCreateChannel, p.CreateChannel)
	serveChannels(d, ivs.OpGetChannel, p.GetChannel)
	serveChannels(d, ivs.OpBatchGetChannel, p.BatchGetChannel)
	serveChannels(d, ivs.OpListChannels, p.ListChannels)
	serveChannels(d, ivs.OpUpdateChannel, p.UpdateChannel)
	serveChannels(d, ivs.OpDeleteChannel, p.DeleteChannel)
	serveChannels(d, ivs.OpCreateStreamKey, p.CreateStreamKey)
	serveChannels(d, ivs.OpGetStreamKey, p.GetStreamKey)
	serveChannels(d, ivs.OpBatchGetStreamKey, p.BatchGetStreamKey)
	serveChannels(d, ivs.OpListStreamKeys, p.ListStreamKeys)
	serveChannels(d, ivs.OpDeleteStreamKey, p.DeleteStreamKey)
	serveChannels(d, ivs.OpGetStream, p.GetStream)
	serveChannels(d, ivs.OpListStreams, p.ListStreams)
	serveChannels(d, ivs.OpStopStream, p.StopStream)
}

// tagsPrefix is where the three tag operations live.
const tagsPrefix = "/tags/"

// route picks the operation of a request from the table.
func (d *Door) route(r *http.Request) (operation, error) {
	path := r.URL.EscapedPath()
	if strings.HasPrefix(path, tagsPrefix) {
		path = tagsPrefix + "{resourceArn}"
	}
	if op, ok := d.operations[r.Method+" "+path]; ok {
		return op, nil
	}
	if name := strings.TrimPrefix(path, "/"); slices.Contains(ivs.Elsewhere, name) {
		return operation{}, ivsrealtime.Errorf(ivsrealtime.AccessDenied, "%s is not offered by Rostrum", name)
	}
	var takes []string
	for _, op := range d.operations {
		if op.spec.Path == path {
			takes = append(takes, op.spec.Method)
		}
	}
	if len(takes) > 0 {
		slices.Sort(takes)
		return operation{}, ivsrealtime.Errorf(ivsrealtime.UnknownOperation, "%s is no method of %s, which takes %s", r.Method, path, strings.Join(takes, ", "))
	}
	return operation{}, ivsrealtime.Errorf(ivsrealtime.UnknownOperation, "there is no operation at %s %s", r.Method, r.URL.Path)
}

// resourceARN is the last part of a tags path, its slash escaped or bare.
func resourceARN(r *http.Request) (string, error) {
	s, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), tagsPrefix))
	if err != nil {
		return "", ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "resourceArn is not percent-encoded as a path is")
	}
	return s, nil
}

// encode writes an output. One without members has no body (API reference:
// «the service sends back an HTTP 200 response with an empty HTTP body»).
func encode(out any) ([]byte, error) {
	b, err := json.Marshal(out)
	if err != nil || string(b) == "{}" {
		return nil, err
	}
	return b, nil
}
