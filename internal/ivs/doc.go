// Package ivs declares the operations on channels of Amazon IVS Low-Latency
// Streaming (API version 2020-07-14). Signing name, ARNs, tags, errors and the
// listener are those of package ivsrealtime; the names of operations differ.
package ivs

import (
	"rostrum/internal/shape"
	"rostrum/ivsrealtime"
)

var table = shape.Table{Words: map[string]shape.Shape{
	"channelARN":          shape.ARN("channel"),
	"streamKeyARN":        shape.ARN("stream-key"),
	"recordingARNOrEmpty": shape.OrEmpty(shape.ARN("recording-configuration")),
	"policyARNOrEmpty":    shape.OrEmpty(shape.ARN("playback-restriction-policy")),
	"channelARNs":         shape.List(1, 50, "channelARN"),
	"streamKeyARNs":       shape.List(1, 50, "streamKeyARN"),
	"name":                shape.Text(0, 128, `[a-zA-Z0-9-_]*`),
	"nextToken":           shape.Text(0, 1024, `[a-zA-Z0-9+/=_-]*`),

	"maxResults":    shape.Number(1, 100),
	"maxStreamKeys": shape.Number(1, 50),

	"latencyMode":       shape.OneOf(LatencyNormal, LatencyLow),
	"channelType":       shape.OneOf(TypeBasic, TypeStandard, TypeAdvancedSD, TypeAdvancedHD),
	"preset":            shape.OneOf("", PresetHigherBandwidth, PresetConstrainedBandwidth),
	"containerFormat":   shape.OneOf(ContainerTS, ContainerFragmentedMP4),
	"multitrackPolicy":  shape.OneOf(MultitrackAllow, MultitrackRequire),
	"maximumResolution": shape.OneOf(ResolutionSD, ResolutionHD, ResolutionFullHD),
	"streamHealth":      shape.OneOf(Healthy, Starving, HealthUnknown),

	"tags":     shape.Entries(0, ivsrealtime.MaxTags, "tagKey", "tagValue"),
	"tagKey":   shape.Unreserved(shape.Text(1, 128, tagPattern)),
	"tagValue": shape.Text(0, 256, tagPattern),
}}

// tagPattern is AWS's general rule for tags: letters, digits, spaces and _.:/=+-@.
const tagPattern = `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`

// Validate checks an input, given as a pointer. The error is a ValidationException
// with the field, the problem and the limit.
func Validate(in any) error {
	if problem := table.Problem(in); problem != "" {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s", problem)
	}
	return nil
}
