package ivsrealtime

import (
	"math"

	"rostrum/internal/shape"
)

// shapes has the service's constraints of values, by the name in shape tags. Lengths count characters, lists and maps
// count entries; patterns are anchored (API model, shape traits).
var shapes = map[string]shape.Shape{
	"stageARN":          shape.ARN("stage"),
	"stageARNOrEmpty":   shape.OrEmpty(shape.ARN("stage")),
	"compositionARN":    shape.ARN("composition"),
	"encoderARN":        shape.ARN("encoder-configuration"),
	"storageARN":        shape.ARN("storage-configuration"),
	"storageARNOrEmpty": shape.OrEmpty(shape.ARN("storage-configuration")),
	"ingestARN":         shape.ARN("ingest-configuration"),
	"publicKeyARN":      shape.ARN("public-key"),
	"channelARN":        shape.ARN("channel"),
	"resourceARN":       shape.ARN(`[a-z-]+`), // the pattern in the model matches no resource
	"name":              shape.Text(0, 128, `[a-zA-Z0-9-_]*`),
	"attributeKey":      shape.Text(0, 128, `[a-zA-Z0-9-_]*`),
	"userID":            shape.Text(0, 128, ``),
	"disconnectReason":  shape.Text(0, 128, ``),
	"sessionID":         shape.Text(16, 16, `st-[a-zA-Z0-9]+`),
	"participantID":     shape.Text(0, 64, `[a-zA-Z0-9-_]*`),
	"connectionTokenID": shape.Text(1, 64, `[a-zA-Z0-9-_]+`),
	"idempotencyToken":  shape.Text(1, 64, `[a-zA-Z0-9-_]*`),
	"nextToken":         shape.Text(0, 1024, `[a-zA-Z0-9+/=_-]*`),
	"bucketName":        shape.Text(3, 63, `[a-z0-9-.]+`),
	"publicKeyMaterial": shape.Containing(`-----BEGIN PUBLIC KEY-----\r?\n([a-zA-Z0-9+/=\r\n]+)\r?\n-----END PUBLIC KEY-----(\r?\n)?`),

	"maxResults":        shape.Number(1, 100),
	"maxReplicas":       shape.Number(1, 50),
	"tokenMinutes":      shape.Number(1, 20160), // fourteen days
	"reconnectWindow":   shape.Number(0, 300),
	"thumbnailInterval": shape.Number(1, 86400),
	"segmentSeconds":    shape.Number(2, 10),
	"side":              shape.Even(shape.Number(2, 1920)),
	"framerate":         shape.Number(1, 60),
	"videoBitrate":      shape.Number(1, 8_500_000),
	"pixels":            shape.Number(0, math.MaxInt32),
	"pipSide":           shape.Number(1, math.MaxInt32),

	"recordingMediaType":   shape.OneOf(RecordAudioVideo, RecordAudioOnly, RecordNone),
	"thumbnailMode":        shape.OneOf(ThumbnailInterval, ThumbnailDisabled),
	"thumbnailType":        shape.OneOf(ThumbnailSequential, ThumbnailLatest),
	"capability":           shape.OneOf(CapabilityPublish, CapabilitySubscribe),
	"participantState":     shape.OneOf(ParticipantConnected, ParticipantDisconnected),
	"recordingStateFilter": shape.OneOf(RecordingStarting, RecordingActive, RecordingStopping, RecordingStopped, RecordingFailed),
	"ingestProtocol":       shape.OneOf(IngestRTMP, IngestRTMPS),
	"ingestState":          shape.OneOf(IngestActive, IngestInactive),
	"recordingFormat":      shape.OneOf(RecordingHLS),
	"aspectRatio":          shape.OneOf(AspectAuto, AspectVideo, AspectSquare, AspectPortrait),
	"fillMode":             shape.OneOf(FillStretch, FillCover, FillContain),
	"pipBehavior":          shape.OneOf(PipStatic, PipDynamic),
	"pipPosition":          shape.OneOf(PipTopLeft, PipTopRight, PipBottomLeft, PipBottomRight),

	"recordingMediaTypes":   shape.List(0, 1, "recordingMediaType"),
	"thumbnailStorage":      shape.Unique(shape.List(0, 2, "thumbnailType")),
	"capabilities":          shape.List(0, 2, "capability"),
	"tokenConfigurations":   shape.List(0, 12, ""),
	"encoderARNs":           shape.List(1, 1, "encoderARN"),
	"compositionThumbnails": shape.List(0, 1, ""),
	"destinations":          shape.Unique(shape.List(1, 2, "")),
	"tagKeys":               shape.List(0, MaxTags, "tagKey"),
	"tagKey":                shape.Unreserved(shape.Text(1, 128, tagPattern)),
	"tagValue":              shape.Text(0, 256, tagPattern),
	"tags":                  shape.Entries(0, MaxTags, "tagKey", "tagValue"),
	"attributes":            shape.Sized(1024),
}

// tagPattern is the pattern of tags in AWS: letters, digits, spaces and _.:/=+-@.
const tagPattern = `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`
