package control

import "rostrum/ivsrealtime"

// This file sets the API's documented defaults for absent members.

// defaultThumbnailSeconds is the default of targetIntervalSeconds (API ThumbnailConfiguration).
const defaultThumbnailSeconds = 60

// or is a copy of *p, or of the default if p is nil.
func or[T any](p *T, otherwise T) *T {
	if p == nil {
		return &otherwise
	}
	v := *p
	return &v
}

// recordingDefaults is a stage's recording configuration in responses: complete,
// and with all defaults if recording is off.
func recordingDefaults(in *ivsrealtime.AutoParticipantRecordingConfiguration) *ivsrealtime.AutoParticipantRecordingConfiguration {
	if in == nil || *in.StorageConfigurationARN == "" {
		in = &ivsrealtime.AutoParticipantRecordingConfiguration{StorageConfigurationARN: new(string)}
	}
	out := &ivsrealtime.AutoParticipantRecordingConfiguration{
		StorageConfigurationARN:         in.StorageConfigurationARN,
		MediaTypes:                      in.MediaTypes,
		RecordingReconnectWindowSeconds: or(in.RecordingReconnectWindowSeconds, 0),
		RecordParticipantReplicas:       or(in.RecordParticipantReplicas, true),
		ThumbnailConfiguration:          &ivsrealtime.ParticipantThumbnailConfiguration{},
		HLSConfiguration:                &ivsrealtime.ParticipantRecordingHLSConfiguration{TargetSegmentDurationSeconds: new(6)},
	}
	if len(out.MediaTypes) == 0 {
		out.MediaTypes = []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordAudioVideo}
	}
	if t := in.ThumbnailConfiguration; t != nil {
		*out.ThumbnailConfiguration = *t
	}
	thumbnails := out.ThumbnailConfiguration
	thumbnails.TargetIntervalSeconds = or(thumbnails.TargetIntervalSeconds, defaultThumbnailSeconds)
	if len(thumbnails.Storage) == 0 {
		thumbnails.Storage = []ivsrealtime.ThumbnailStorageType{ivsrealtime.ThumbnailSequential}
	}
	if thumbnails.RecordingMode == "" {
		thumbnails.RecordingMode = ivsrealtime.ThumbnailDisabled
	}
	if h := in.HLSConfiguration; h != nil {
		out.HLSConfiguration.TargetSegmentDurationSeconds = or(h.TargetSegmentDurationSeconds, 6)
	}
	return out
}

// videoDefaults sets the documented default of each absent member.
func videoDefaults(in *ivsrealtime.Video) *ivsrealtime.Video {
	if in == nil {
		in = &ivsrealtime.Video{}
	}
	return &ivsrealtime.Video{
		Width: or(in.Width, 1280), Height: or(in.Height, 720), Framerate: or(in.Framerate, 30), Bitrate: or(in.Bitrate, 2_500_000),
	}
}

// LayoutDefaults is a grid unless another layout is given.
func LayoutDefaults(in *ivsrealtime.LayoutConfiguration) *ivsrealtime.LayoutConfiguration {
	if in != nil && in.Pip != nil {
		p := *in.Pip
		p.VideoFillMode = orText(p.VideoFillMode, ivsrealtime.FillCover)
		p.PipBehavior = orText(p.PipBehavior, ivsrealtime.PipStatic)
		p.PipPosition = orText(p.PipPosition, ivsrealtime.PipBottomRight)
		return &ivsrealtime.LayoutConfiguration{Pip: &p}
	}
	var g ivsrealtime.GridConfiguration
	if in != nil && in.Grid != nil {
		g = *in.Grid
	}
	g.VideoAspectRatio = orText(g.VideoAspectRatio, ivsrealtime.AspectVideo)
	g.VideoFillMode = or(g.VideoFillMode, "") // absent is empty in responses
	g.GridGap = or(g.GridGap, 2)              // SDKs omit zero, so that zero can't be told from absent
	return &ivsrealtime.LayoutConfiguration{Grid: &g}
}

// destinationDefaults is a destination's configuration in responses.
func destinationDefaults(in ivsrealtime.DestinationConfiguration) *ivsrealtime.DestinationConfiguration {
	out := in
	if in.S3 == nil {
		return &out
	}
	s3 := *in.S3
	recording := ivsrealtime.RecordingConfiguration{Format: ivsrealtime.RecordingHLS}
	hls := ivsrealtime.CompositionRecordingHLSConfiguration{TargetSegmentDurationSeconds: new(2)}
	if r := s3.RecordingConfiguration; r != nil && r.HLSConfiguration != nil {
		hls.TargetSegmentDurationSeconds = or(r.HLSConfiguration.TargetSegmentDurationSeconds, 2)
	}
	recording.HLSConfiguration = &hls
	s3.RecordingConfiguration = &recording
	var thumbnails []ivsrealtime.CompositionThumbnailConfiguration
	for _, t := range s3.ThumbnailConfigurations {
		t.TargetIntervalSeconds = or(t.TargetIntervalSeconds, defaultThumbnailSeconds)
		if len(t.Storage) == 0 {
			t.Storage = []ivsrealtime.ThumbnailStorageType{ivsrealtime.ThumbnailSequential}
		}
		thumbnails = append(thumbnails, t)
	}
	s3.ThumbnailConfigurations = thumbnails
	out.S3 = &s3
	return &out
}

func orText[T ~string](v, otherwise T) T {
	if v == "" {
		return otherwise
	}
	return v
}

// tagsOf returns the tags of a new resource: never null in JSON.
func tagsOf(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}
