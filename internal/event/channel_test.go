package event

import (
	"encoding/json"
	"testing"
	"time"
)

func TestChannelEvents_SayWhatTheGuideSaysAndNoMore(t *testing.T) {
	show := Channel{ARN: channelARN, Name: "show", StreamID: "st-1FQzeLONMT9XTKI43leLSo1"}
	const common = `"channel_name":"show","stream_id":"st-1FQzeLONMT9XTKI43leLSo1"`
	for _, c := range []struct {
		event              Event
		detailType, detail string
	}{
		{StreamSessionCreated(show, at), "IVS Stream State Change", `{"event_name":"Session Created",` + common + `}`},
		{StreamStarted(show, at), "IVS Stream State Change", `{"event_name":"Stream Start",` + common + `}`},
		{StreamEnded(show, at), "IVS Stream State Change", `{"event_name":"Stream End",` + common + `}`},
		{StreamFailed(show, at, "why"), "IVS Stream State Change", `{"event_name":"Stream Failure",` + common + `,"reason":"why"}`},
		{StreamSessionEnded(show, at), "IVS Stream State Change", `{"event_name":"Session Ended",` + common + `}`},
		{StarvationStarted(show, at), "IVS Stream Health Change", `{"event_name":"Starvation Start",` + common + `}`},
		{StarvationEnded(show, at), "IVS Stream Health Change", `{"event_name":"Starvation End",` + common + `}`},
		{PushStarted(show, at, "live.example"), "Rostrum Channel Update", `{"event_name":"Push Started",` + common + `,"push_host":"live.example"}`},
		{PushInterrupted(show, at, "live.example", "gone"), "Rostrum Channel Update", `{"event_name":"Push Interrupted",` + common + `,"reason":"gone","push_host":"live.example"}`},
		{PushEnded(show, at, "live.example"), "Rostrum Channel Update", `{"event_name":"Push Ended",` + common + `,"push_host":"live.example"}`},
		{IngestBitrateExceeded(show, at, 9_000_000, 8_500_000), "IVS Limit Breach", `{"limit_name":"Ingest Bitrate","limit_value":8500000,"exceeded_by":500000,"limit_unit":"Bits/Second",` + common + `}`},
		{IngestResolutionExceeded(show, at, 3_686_400, 2_073_600), "IVS Limit Breach", `{"limit_name":"Ingest Resolution","limit_value":2073600,"exceeded_by":1612800,"limit_unit":"Pixels",` + common + `}`},
	} {
		if c.event.DetailType != c.detailType || string(c.event.Detail) != c.detail || c.event.Resource != channelARN || c.event.StageARN != channelARN {
			t.Errorf("%s of %s about %s, expected %s of %s", c.event.Detail, c.event.DetailType, c.event.Resource, c.detail, c.detailType)
		}
		var envelope struct {
			Resources []string
			Time      time.Time
		}
		b, err := json.Marshal(c.event)
		if err != nil || json.Unmarshal(b, &envelope) != nil || len(envelope.Resources) != 1 || envelope.Resources[0] != channelARN {
			t.Errorf("the envelope is %s (%v)", b, err)
		}
		if isRostrumEvent(c.event.DetailType) != (c.detailType == "Rostrum Channel Update") {
			t.Errorf("%s is opt-in: %v", c.detailType, isRostrumEvent(c.event.DetailType))
		}
	}
}

func TestBroadcastsExceeded_IsAboutTheAccount(t *testing.T) {
	e := BroadcastsExceeded(Channel{ARN: channelARN, Name: "show"}, at, 100)
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	expected := `{"version":"0","id":"` + e.ID + `","detail-type":"IVS Limit Breach","source":"aws.ivs","account":"111122223333","time":"2026-07-01T10:00:00Z","region":"eu-west-1",` +
		`"resources":[],"detail":{"limit_name":"Concurrent Broadcasts","limit_value":100,"exceeded_by":1,"limit_unit":"Count"}}`
	if string(b) != expected {
		t.Errorf("expected %s, saw %s", expected, b)
	}
}
