package api

import (
	"context"
	"net/http"
	"strings"

	"rostrum/internal/arn"
	"rostrum/internal/control"
	"rostrum/internal/quality"
	"rostrum/internal/stage"
	"rostrum/ivsrealtime"
)

// The quality history is Rostrum's own part of the API, as the event log is.
const (
	qualityPrefix = "/quality/"
	qualityPath   = qualityPrefix + "{stage}/{session}/{participant}"
)

func (s *Server) qualityTable() {
	s.operations["GET "+qualityPath] = operation{ivsrealtime.Spec{Name: "ReadQuality", Method: http.MethodGet, Path: qualityPath, Read: true}, maxSmallBody, s.readQuality}
}

func (s *Server) readQuality(ctx context.Context, caller control.Caller, r *http.Request, _ []byte) (any, error) {
	ids := strings.Split(strings.TrimPrefix(r.URL.Path, qualityPrefix), "/")
	if len(ids) != 3 {
		return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "the path is %s, with the ids of the three", qualityPath)
	}
	of := stage.Reporter{
		StageARN:  arn.ARN{Region: caller.Region, Account: caller.Account, Type: arn.Stage, ID: ids[0]}.String(),
		SessionID: ids[1], ParticipantID: ids[2],
	}
	if _, err := arn.Parse(of.StageARN); err != nil {
		return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "stage: not an id")
	}
	q, err := qualityQuery(r)
	if err != nil {
		return nil, err
	}
	return s.plane.ReadQuality(ctx, caller, of, q)
}

// qualityQuery reads the query of a request, strictly.
func qualityQuery(r *http.Request) (q quality.Query, err error) {
	values := r.URL.Query()
	for name, v := range values {
		if strings.HasPrefix(name, "X-Amz-") { // the signature of a presigned request
			continue
		}
		if name != "at" && name != "from" && name != "to" || values.Has("at") && name != "at" {
			return q, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s: the parameters are at, or from and to", name)
		}
		at, err := moment(v[0])
		if err != nil {
			return q, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s: %v", name, err)
		}
		switch name {
		case "at":
			q = quality.At(at)
		case "from":
			q.From = at
		case "to":
			q.To = at
		}
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "from must be before to")
	}
	return q, nil
}
