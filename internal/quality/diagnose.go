package quality

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Cause is a reason why media were bad.
type Cause struct {
	Code      Code    `json:"code"`
	Direction string  `json:"direction"` // sent or received
	Score     float64 `json:"score"`     // 0 to 1: how much of the time, and how badly
	Detail    string  `json:"detail"`    // for people
}

// A Code names a cause.
type Code string

// The causes, those first that bring about the later ones.
const (
	Node         Code = "node"          // the server was too busy
	MissingCodec Code = "no-codec"      // the receiver can't decode what is published
	SendLoss     Code = "uplink-loss"   // packets were lost between a publisher and the server
	Estimate     Code = "estimate"      // the path carries less than the media need
	ClientCPU    Code = "client-cpu"    // the client's processor was too slow
	KeyframeWait Code = "keyframe-wait" // there was no picture until a keyframe came
	ReceiveLoss  Code = "downlink-loss" // packets were lost between the server and the receiver
	LayerLimit   Code = "layer-limit"   // a smaller layer, or none, was asked for or sent
)

// A symptom looks for a cause in one sample: severity is 0 without it, 1 where it is enough to
// explain the worst media. The weights put causes before what follows from them: loss brings
// waits for keyframes, and a path that is too narrow brings loss.
type symptom struct {
	code           Code
	weight         float64
	sent, received func(*Sample) float64 // nil where it can't be
	detail         func(worst *Sample, sent bool) string
}

var symptoms = []symptom{
	{Node, 1.05, nodeLoad, nodeLoad, func(s *Sample, _ bool) string {
		if s.ServerDrops > 0 {
			return fmt.Sprintf("The server was too busy: it dropped %d packets within %d s.", s.ServerDrops, s.Interval)
		}
		if ramp(s.Load, 85, 100) < stalls(s) {
			return fmt.Sprintf("The server stood still for %.1f s: other programs had its processors, or it was stopped.", float64(s.Stalled)/1000)
		}
		return fmt.Sprintf("The server was too busy: %d %% of its processors were in use.", s.Load)
	}},
	{MissingCodec, 1, nil, limited(NoCodec, 1), func(*Sample, bool) string {
		return "The client can't decode the codec of a publisher, so there was no video of it."
	}},
	{SendLoss, 1, func(s *Sample) float64 { return ramp(s.Loss, 5, 60) }, func(s *Sample) float64 { return ramp(s.SourceLoss, 5, 60) }, func(s *Sample, sent bool) string {
		if sent {
			return fmt.Sprintf("The network lost up to %s %% of the packets from the participant to the server.", percent(s.Loss))
		}
		return fmt.Sprintf("The network lost up to %s %% of the packets from a publisher to the server, before they reached this participant.", percent(s.SourceLoss))
	}},
	{Estimate, 0.95, func(s *Sample) float64 { return share(s.BandwidthLimited, s) }, narrowed, func(s *Sample, sent bool) string {
		if sent {
			return "The path from the participant to the server is too narrow" + estimated(s) + ": the client sent a smaller or slower video."
		}
		return "The path from the server to the participant is too narrow" + estimated(s) + ": a smaller layer was sent, or none."
	}},
	{ClientCPU, 0.92, func(s *Sample) float64 { return share(s.CPULimited, s) }, slowDecoder, func(s *Sample, sent bool) string {
		if sent {
			return "The processor of the client was too slow to encode the video as it should be."
		}
		return fmt.Sprintf("The client was too slow to decode the video: it dropped %d frames within %d s.", s.FramesDropped, s.Interval)
	}},
	{KeyframeWait, 0.9, nil, noKeyframe, func(s *Sample, _ bool) string {
		return fmt.Sprintf("There was no picture for %.1f s, because no keyframe came.", float64(s.KeyframeWait)/1000)
	}},
	{ReceiveLoss, 0.85, nil, func(s *Sample) float64 { return ramp(s.Loss, 10, 100) }, func(s *Sample, _ bool) string {
		return fmt.Sprintf("The network lost up to %s %% of the packets from the server to the participant.", percent(s.Loss))
	}},
	{LayerLimit, 0.5, nil, func(s *Sample) float64 { return max(limited(NoLayer, 1)(s), limited(Choice, 0.6)(s)) }, func(s *Sample, _ bool) string {
		if s.Limits&NoLayer != 0 {
			return "A publisher sent no video."
		}
		return "The client prefers a smaller layer of a video, or none."
	}},
}

// minScore leaves out what hardly matters.
const minScore = 0.02

// Diagnose ranks the causes of bad media in a stretch of samples, the most likely first.
func Diagnose(sent, received []Sample) []Cause {
	causes, received := []Cause{}, withLateLoss(received)
	for _, s := range symptoms {
		causes = appendCause(causes, s, s.sent, sent, true)
		causes = appendCause(causes, s, s.received, received, false)
	}
	// Where two are equally likely the order of the symptoms decides.
	slices.SortStableFunc(causes, func(a, b Cause) int { return cmp.Compare(b.Score, a.Score) })
	return causes
}

// withLateLoss returns samples in which loss is where the picture stood still for it: a client
// can tell what it lost only once packets come again.
func withLateLoss(samples []Sample) []Sample {
	all := slices.Clone(samples)
	for i := range all[:max(0, len(all)-1)] {
		s, next := &all[i], &samples[i+1]
		isNext := next.At.Sub(s.At) <= 2*time.Duration(next.Interval)*time.Second
		if isNext && max(share(s.Frozen, s), share(s.KeyframeWait, s)) > 0.2 {
			s.Loss = max(s.Loss, next.Loss)
		}
	}
	return all
}

// noKeyframe is less where packets are lost: then the wait follows from that.
func noKeyframe(s *Sample) float64 {
	lost := max(ramp(s.Loss, 10, 100), ramp(s.SourceLoss, 5, 60))
	return ramp(s.KeyframeWait, 200*s.Interval/5, 1500*s.Interval/5) * (1 - lost/2)
}

func appendCause(all []Cause, s symptom, severity func(*Sample) float64, samples []Sample, sent bool) []Cause {
	if severity == nil || len(samples) == 0 {
		return all
	}
	var sum, weights, highest float64
	var worst *Sample
	for i := range samples {
		at := &samples[i]
		v, weight := severity(at), float64(at.Interval)*badness(at)
		sum, weights = sum+v*weight, weights+weight
		if v > highest {
			highest, worst = v, at
		}
	}
	score := s.weight * sum / max(weights, 1)
	if worst == nil || score < minScore {
		return all
	}
	direction := "received"
	if sent {
		direction = "sent"
	}
	return append(all, Cause{s.code, direction, float64(int(100*min(score, 1))) / 100, s.detail(worst, sent)})
}

// badness weighs a sample: what went on while the video froze explains it better than the rest.
func badness(s *Sample) float64 {
	return 1 + 9*max(share(s.Frozen, s), share(s.KeyframeWait, s), limited(NoCodec|Bandwidth, 0.5)(s))
}

func nodeLoad(s *Sample) float64 {
	if s.ServerDrops > 0 {
		return 1
	}
	return max(ramp(s.Load, 85, 100), stalls(s))
}

func stalls(s *Sample) float64 { return ramp(s.Stalled, 300, 300*s.Interval) }

// narrowed is worse without any video than with a smaller one.
func narrowed(s *Sample) float64 {
	if s.Height == 0 {
		return limited(Bandwidth, 1)(s)
	}
	return limited(Bandwidth, 0.7)(s)
}

// slowDecoder compares the frames that the client dropped with those that it showed.
func slowDecoder(s *Sample) float64 {
	all := s.FramesDropped + s.FrameRate*s.Interval
	return ramp(1000*s.FramesDropped/max(all, 1), 30, 300)
}

// limited is a severity where a sample has one of some limits.
func limited(l Limits, severity float64) func(*Sample) float64 {
	return func(s *Sample) float64 {
		if s.Limits&l != 0 {
			return severity
		}
		return 0
	}
}

// share is the part of the sample's interval that some milliseconds are.
func share(ms int, s *Sample) float64 { return min(1, float64(ms)/float64(1000*max(s.Interval, 1))) }

// ramp is 0 up to from, 1 at and above to.
func ramp(v, from, to int) float64 {
	return min(1, max(0, float64(v-from)/float64(max(to-from, 1))))
}

func percent(perMille int) string { return fmt.Sprintf("%.1f", float64(perMille)/10) }

func estimated(s *Sample) string {
	if s.Estimate == 0 {
		return ""
	}
	return fmt.Sprintf(" (about %d kbit/s)", s.Estimate)
}
