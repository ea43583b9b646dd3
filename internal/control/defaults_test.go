package control

import (
	"encoding/json"
	"testing"

	"rostrum/ivsrealtime"
)

// as decodes an input from JSON.
func as[T any](t *testing.T, text string) *T {
	t.Helper()
	v := new(T)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
	return v
}

func shows(t *testing.T, name string, got any, want string) {
	t.Helper()
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var g, w any
	if json.Unmarshal(b, &g) != nil || json.Unmarshal([]byte(want), &w) != nil {
		t.Fatalf("%s: %s or %s is not JSON", name, b, want)
	}
	gs, _ := json.Marshal(g)
	ws, _ := json.Marshal(w)
	if string(gs) != string(ws) {
		t.Errorf("%s:\n got %s\nwant %s", name, gs, ws)
	}
}

func TestRecordingDefaults_SetAllMembers(t *testing.T) {
	const off = `{"storageConfigurationArn":"","mediaTypes":["AUDIO_VIDEO"],"thumbnailConfiguration":{"targetIntervalSeconds":60,"storage":["SEQUENTIAL"],"recordingMode":"DISABLED"},"recordingReconnectWindowSeconds":0,"hlsConfiguration":{"targetSegmentDurationSeconds":6},"recordParticipantReplicas":true}`
	shows(t, "nothing given", recordingDefaults(nil), off)
	shows(t, "switched off, the rest reset", recordingDefaults(as[ivsrealtime.AutoParticipantRecordingConfiguration](t,
		`{"storageConfigurationArn":"","mediaTypes":["AUDIO_ONLY"],"recordingReconnectWindowSeconds":30}`)), off)
	shows(t, "some given", recordingDefaults(as[ivsrealtime.AutoParticipantRecordingConfiguration](t,
		`{"storageConfigurationArn":"arn:aws:ivs:eu-west-1:111122223333:storage-configuration/abc","mediaTypes":["NONE"],"recordParticipantReplicas":false,"thumbnailConfiguration":{"recordingMode":"INTERVAL","targetIntervalSeconds":5}}`)),
		`{"storageConfigurationArn":"arn:aws:ivs:eu-west-1:111122223333:storage-configuration/abc","mediaTypes":["NONE"],"thumbnailConfiguration":{"targetIntervalSeconds":5,"storage":["SEQUENTIAL"],"recordingMode":"INTERVAL"},"recordingReconnectWindowSeconds":0,"hlsConfiguration":{"targetSegmentDurationSeconds":6},"recordParticipantReplicas":false}`)
}

func TestVideoDefaults_SetEachMember(t *testing.T) {
	shows(t, "nothing given", videoDefaults(nil), `{"width":1280,"height":720,"framerate":30,"bitrate":2500000}`)
	shows(t, "the width given", videoDefaults(as[ivsrealtime.Video](t, `{"width":640}`)), `{"width":640,"height":720,"framerate":30,"bitrate":2500000}`)
}

func TestLayoutDefaults_SetAllMembers(t *testing.T) {
	grid := `{"grid":{"featuredParticipantAttribute":"","gridGap":2,"omitStoppedVideo":false,"participantOrderAttribute":"","videoAspectRatio":"VIDEO","videoFillMode":""}}`
	shows(t, "nothing given", LayoutDefaults(nil), grid)
	shows(t, "an empty layout", LayoutDefaults(as[ivsrealtime.LayoutConfiguration](t, `{}`)), grid)
	shows(t, "a gap of its own", LayoutDefaults(as[ivsrealtime.LayoutConfiguration](t, `{"grid":{"gridGap":7,"videoFillMode":"FILL"}}`)),
		`{"grid":{"featuredParticipantAttribute":"","gridGap":7,"omitStoppedVideo":false,"participantOrderAttribute":"","videoAspectRatio":"VIDEO","videoFillMode":"FILL"}}`)
	shows(t, "picture in picture", LayoutDefaults(as[ivsrealtime.LayoutConfiguration](t, `{"pip":{"pipParticipantAttribute":"host"}}`)),
		`{"pip":{"featuredParticipantAttribute":"","gridGap":0,"omitStoppedVideo":false,"participantOrderAttribute":"","pipBehavior":"STATIC","pipOffset":0,"pipParticipantAttribute":"host","pipPosition":"BOTTOM_RIGHT","videoFillMode":"COVER"}}`)
}

func TestDestinationDefaults_SetTheRecording(t *testing.T) {
	shows(t, "a bucket", destinationDefaults(*as[ivsrealtime.DestinationConfiguration](t, `{"s3":{"storageConfigurationArn":"s","encoderConfigurationArns":["e"],"thumbnailConfigurations":[{}]}}`)),
		`{"name":"","s3":{"storageConfigurationArn":"s","encoderConfigurationArns":["e"],"recordingConfiguration":{"format":"HLS","hlsConfiguration":{"targetSegmentDurationSeconds":2}},"thumbnailConfigurations":[{"targetIntervalSeconds":60,"storage":["SEQUENTIAL"]}]}}`)
	shows(t, "a channel", destinationDefaults(*as[ivsrealtime.DestinationConfiguration](t, `{"name":"live","channel":{"channelArn":"c"}}`)),
		`{"name":"live","channel":{"channelArn":"c"}}`)
}
