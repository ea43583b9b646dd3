// Package api serves the REST API: it turns the requests of AWS SDKs (restJson1,
// SigV4) into calls of the control plane, and results into responses.
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

// A call executes an operation in the control plane.
type call[In, Out any] func(ctx context.Context, caller control.Caller, in *In) (*Out, error)

// serve adds an operation on stages to the table.
func serve[In, Out any](s *Server, op ivsrealtime.Operation[In, Out], execute call[In, Out]) {
	register(s, op, ivsrealtime.Validate, execute)
}

// serveChannels adds an operation on channels to the table.
func serveChannels[In, Out any](s *Server, op ivsrealtime.Operation[In, Out], execute call[In, Out]) {
	register(s, op, ivs.Validate, execute)
}

func register[In, Out any](s *Server, op ivsrealtime.Operation[In, Out], validate func(any) error, execute call[In, Out]) {
	s.operations[op.Method+" "+op.Path] = operation{op.Spec, maxBodyOf(reflect.TypeFor[In]()), func(ctx context.Context, caller control.Caller, r *http.Request, body []byte) (any, error) {
		in := new(In)
		if err := decode(r, body, in); err != nil {
			return nil, err
		}
		if err := validate(in); err != nil {
			return nil, err
		}
		if err := s.plane.Authorize(ctx, caller, op.Name, in); err != nil {
			return nil, err
		}
		return execute(ctx, caller, in)
	}}
}

// table adds all operations of the API.
func (s *Server) table() {
	p := s.plane
	serve(s, ivsrealtime.OpCreateStage, p.CreateStage)
	serve(s, ivsrealtime.OpGetStage, p.GetStage)
	serve(s, ivsrealtime.OpUpdateStage, p.UpdateStage)
	serve(s, ivsrealtime.OpDeleteStage, p.DeleteStage)
	serve(s, ivsrealtime.OpListStages, p.ListStages)
	serve(s, ivsrealtime.OpCreateParticipantToken, p.CreateParticipantToken)
	serve(s, ivsrealtime.OpDisconnectParticipant, p.DisconnectParticipant)
	serve(s, ivsrealtime.OpGetStageSession, p.GetStageSession)
	serve(s, ivsrealtime.OpListStageSessions, p.ListStageSessions)
	serve(s, ivsrealtime.OpGetParticipant, p.GetParticipant)
	serve(s, ivsrealtime.OpListParticipants, p.ListParticipants)
	serve(s, ivsrealtime.OpListParticipantEvents, p.ListParticipantEvents)
	serve(s, ivsrealtime.OpImportPublicKey, p.ImportPublicKey)
	serve(s, ivsrealtime.OpGetPublicKey, p.GetPublicKey)
	serve(s, ivsrealtime.OpDeletePublicKey, p.DeletePublicKey)
	serve(s, ivsrealtime.OpListPublicKeys, p.ListPublicKeys)
	serve(s, ivsrealtime.OpRevokeConnectionToken, p.RevokeConnectionToken)
	serve(s, ivsrealtime.OpCreateEncoderConfiguration, p.CreateEncoderConfiguration)
	serve(s, ivsrealtime.OpGetEncoderConfiguration, p.GetEncoderConfiguration)
	serve(s, ivsrealtime.OpDeleteEncoderConfiguration, p.DeleteEncoderConfiguration)
	serve(s, ivsrealtime.OpListEncoderConfigurations, p.ListEncoderConfigurations)
	serve(s, ivsrealtime.OpCreateStorageConfiguration, p.CreateStorageConfiguration)
	serve(s, ivsrealtime.OpGetStorageConfiguration, p.GetStorageConfiguration)
	serve(s, ivsrealtime.OpDeleteStorageConfiguration, p.DeleteStorageConfiguration)
	serve(s, ivsrealtime.OpListStorageConfigurations, p.ListStorageConfigurations)
	serve(s, ivsrealtime.OpCreateIngestConfiguration, p.CreateIngestConfiguration)
	serve(s, ivsrealtime.OpGetIngestConfiguration, p.GetIngestConfiguration)
	serve(s, ivsrealtime.OpUpdateIngestConfiguration, p.UpdateIngestConfiguration)
	serve(s, ivsrealtime.OpDeleteIngestConfiguration, p.DeleteIngestConfiguration)
	serve(s, ivsrealtime.OpListIngestConfigurations, p.ListIngestConfigurations)
	serve(s, ivsrealtime.OpStartComposition, p.StartComposition)
	serve(s, ivsrealtime.OpGetComposition, p.GetComposition)
	serve(s, ivsrealtime.OpStopComposition, p.StopComposition)
	serve(s, ivsrealtime.OpListCompositions, p.ListCompositions)
	serve(s, ivsrealtime.OpStartParticipantReplication, p.StartParticipantReplication)
	serve(s, ivsrealtime.OpStopParticipantReplication, p.StopParticipantReplication)
	serve(s, ivsrealtime.OpListParticipantReplicas, p.ListParticipantReplicas)
	serve(s, ivsrealtime.OpTagResource, p.TagResource)
	serve(s, ivsrealtime.OpUntagResource, p.UntagResource)
	serve(s, ivsrealtime.OpListTagsForResource, p.ListTagsForResource)
	serveChannels(s, ivs.OpCreateChannel, p.CreateChannel)
	serveChannels(s, ivs.OpGetChannel, p.GetChannel)
	serveChannels(s, ivs.OpBatchGetChannel, p.BatchGetChannel)
	serveChannels(s, ivs.OpListChannels, p.ListChannels)
	serveChannels(s, ivs.OpUpdateChannel, p.UpdateChannel)
	serveChannels(s, ivs.OpDeleteChannel, p.DeleteChannel)
	serveChannels(s, ivs.OpCreateStreamKey, p.CreateStreamKey)
	serveChannels(s, ivs.OpGetStreamKey, p.GetStreamKey)
	serveChannels(s, ivs.OpBatchGetStreamKey, p.BatchGetStreamKey)
	serveChannels(s, ivs.OpListStreamKeys, p.ListStreamKeys)
	serveChannels(s, ivs.OpDeleteStreamKey, p.DeleteStreamKey)
	serveChannels(s, ivs.OpGetStream, p.GetStream)
	serveChannels(s, ivs.OpListStreams, p.ListStreams)
	serveChannels(s, ivs.OpStopStream, p.StopStream)
}

// tagsPrefix is the path of the three tag operations.
const tagsPrefix = "/tags/"

// route returns the operation of a request.
func (s *Server) route(r *http.Request) (operation, error) {
	path := r.URL.EscapedPath()
	if strings.HasPrefix(path, tagsPrefix) {
		path = tagsPrefix + "{resourceArn}"
	}
	if strings.HasPrefix(path, qualityPrefix) {
		path = qualityPath
	}
	if op, ok := s.operations[r.Method+" "+path]; ok {
		return op, nil
	}
	if name := strings.TrimPrefix(path, "/"); slices.Contains(ivs.Unsupported, name) {
		return operation{}, ivsrealtime.Errorf(ivsrealtime.AccessDenied, "%s is not offered by Rostrum", name)
	}
	var allowed []string
	for _, op := range s.operations {
		if op.spec.Path == path {
			allowed = append(allowed, op.spec.Method)
		}
	}
	if len(allowed) > 0 {
		slices.Sort(allowed)
		return operation{}, ivsrealtime.Errorf(ivsrealtime.UnknownOperation, "the method %s is not allowed for %s, use %s", r.Method, path, strings.Join(allowed, ", "))
	}
	return operation{}, ivsrealtime.Errorf(ivsrealtime.UnknownOperation, "there is no operation at %s %s", r.Method, r.URL.Path)
}

// resourceARN returns the ARN in a tags path, where its slash may be escaped.
func resourceARN(r *http.Request) (string, error) {
	s, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), tagsPrefix))
	if err != nil {
		return "", ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "resourceArn is not percent-encoded")
	}
	return s, nil
}

// encode writes an output. Without members it has no body (API reference: "the
// service sends back an HTTP 200 response with an empty HTTP body").
func encode(out any) ([]byte, error) {
	b, err := json.Marshal(out)
	if err != nil || string(b) == "{}" {
		return nil, err
	}
	return b, nil
}
