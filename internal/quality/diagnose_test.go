package quality

import (
	"testing"
	"time"
)

// minute is twelve samples, of which the last ones are changed.
func minute(change func(s *Sample), changed int) []Sample {
	all := make([]Sample, 12)
	for i := range all {
		all[i] = Sample{At: time.Unix(int64(5*i), 0), Interval: 5, Bitrate: 1500, RoundTrip: 30, FrameRate: 30, Height: 720, Estimate: 3000}
		if i >= len(all)-changed {
			change(&all[i])
		}
	}
	return all
}

func TestDiagnose_NamesTheCauseFirst(t *testing.T) {
	for name, tt := range map[string]struct {
		sent, received []Sample
		code           Code
		direction      string
	}{
		"loss on the uplink":                  {minute(func(s *Sample) { s.Loss = 80; s.BandwidthLimited = 2000 }, 6), nil, SendLoss, "sent"},
		"loss on the uplink of another":       {nil, minute(func(s *Sample) { s.SourceLoss, s.KeyframeWait, s.Frozen = 90, 3000, 3000 }, 3), SendLoss, "received"},
		"a narrow uplink":                     {minute(func(s *Sample) { s.BandwidthLimited, s.Loss, s.Estimate = 5000, 8, 300 }, 8), nil, Estimate, "sent"},
		"a narrow downlink":                   {nil, minute(func(s *Sample) { s.Limits, s.Loss, s.Estimate = Bandwidth, 60, 200 }, 5), Estimate, "received"},
		"a layer that the client prefers":     {nil, minute(func(s *Sample) { s.Limits = Choice }, 12), LayerLimit, "received"},
		"a publisher without video":           {nil, minute(func(s *Sample) { s.Limits = NoLayer }, 12), LayerLimit, "received"},
		"no keyframe":                         {nil, minute(func(s *Sample) { s.KeyframeWait, s.FrameRate = 4000, 0 }, 2), KeyframeWait, "received"},
		"a slow encoder":                      {minute(func(s *Sample) { s.CPULimited, s.FrameRate = 4500, 11 }, 6), nil, ClientCPU, "sent"},
		"a slow decoder":                      {nil, minute(func(s *Sample) { s.FramesDropped, s.FrameRate = 60, 18 }, 6), ClientCPU, "received"},
		"a codec that is missing":             {nil, minute(func(s *Sample) { s.Limits, s.FrameRate = NoCodec, 0 }, 12), MissingCodec, "received"},
		"a busy server":                       {minute(func(s *Sample) { s.Load, s.Loss = 100, 50 }, 6), minute(func(s *Sample) { s.Load, s.Loss = 100, 50 }, 6), Node, "sent"},
		"a server that drops":                 {nil, minute(func(s *Sample) { s.ServerDrops, s.Loss = 500, 100 }, 3), Node, "received"},
		"a server that stood still":           {minute(func(s *Sample) { s.Stalled, s.Loss = 2800, 70 }, 1), nil, Node, "sent"},
		"loss on the downlink":                {nil, minute(func(s *Sample) { s.Loss, s.Frozen = 120, 1000 }, 4), ReceiveLoss, "received"},
		"a cut of the network, told after it": {nil, append(minute(func(s *Sample) { s.KeyframeWait, s.Frozen = 5000, 4900 }, 1), minute(func(s *Sample) { s.KeyframeWait, s.Loss, s.Frozen = 2000, 426, 1700 }, 1)[11]), ReceiveLoss, "received"},
		"a short freeze in a good stretch":    {nil, minute(func(s *Sample) { s.KeyframeWait, s.Frozen = 1500, 1500 }, 1), KeyframeWait, "received"},
		"the freeze, not the choice of hour":  {nil, minute(func(s *Sample) { s.SourceLoss, s.Frozen, s.Limits = 150, 4000, Choice }, 4), SendLoss, "received"},
	} {
		causes := Diagnose(tt.sent, tt.received)
		if len(causes) == 0 || causes[0].Code != tt.code || causes[0].Direction != tt.direction || causes[0].Detail == "" {
			t.Errorf("%s: expected %s of what is %s first, got %+v", name, tt.code, tt.direction, causes)
		}
	}
}

func TestDiagnose_FindsNothingInGoodMedia(t *testing.T) {
	good := minute(func(*Sample) {}, 0)
	if causes := Diagnose(good, good); len(causes) != 0 {
		t.Errorf("expected no cause, got %+v", causes)
	}
	if causes := Diagnose(nil, nil); len(causes) != 0 {
		t.Errorf("expected no cause without samples, got %+v", causes)
	}
}

func TestDiagnose_AnswersTheSameOfMinutes(t *testing.T) {
	received := minute(func(s *Sample) { s.SourceLoss, s.Frozen = 100, 2000 }, 5)
	joined := downsample(received, time.Minute)
	if causes := Diagnose(nil, joined); len(causes) == 0 || causes[0].Code != SendLoss {
		t.Errorf("expected %s first in %d samples, got %+v", SendLoss, len(joined), causes)
	}
}
