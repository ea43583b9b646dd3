// Package quality keeps how well the media of participants got through, and says why they did
// not.
//
// Every five seconds there is a [Sample] of each participant and direction, from the counters
// of the media engine and from what the participant's client reports. Samples of a minute are
// packed and stored as one row. After an hour they become one sample a minute, an hour of them
// a row, which is removed after seven days. What is not stored yet is lost when the process
// is killed: at most the last minute.
package quality

import (
	"encoding/json"
	"time"
)

// A Sample is what happened to the media of one participant in one direction: sent to the
// server, or received from it. It is one record of plain figures, so it has more fields than
// usual. Zero is nothing, or not known.
type Sample struct {
	At       time.Time `json:"at"`       // end of the interval, in whole seconds
	Interval int       `json:"interval"` // seconds

	Bitrate          int    `json:"bitrateKbps,omitempty"`
	Loss             int    `json:"lossPermille,omitempty"`       // of the packets between the participant and the server
	SourceLoss       int    `json:"sourceLossPermille,omitempty"` // of the packets between publishers that are received and the server
	RoundTrip        int    `json:"roundTripMs,omitempty"`
	Jitter           int    `json:"jitterMs,omitempty"`
	FrameRate        int    `json:"frameRate,omitempty"` // of the largest video
	Height           int    `json:"height,omitempty"`    // of the largest video
	Freezes          int    `json:"freezes,omitempty"`   // that ended
	Frozen           int    `json:"frozenMs,omitempty"`
	Estimate         int    `json:"estimateKbps,omitempty"`       // that the path is estimated to carry
	KeyframeWait     int    `json:"keyframeWaitMs,omitempty"`     // without a picture for lack of a keyframe
	CPULimited       int    `json:"cpuLimitedMs,omitempty"`       // in which the client's processor limited the encoder
	BandwidthLimited int    `json:"bandwidthLimitedMs,omitempty"` // in which the bandwidth limited the encoder
	FramesDropped    int    `json:"framesDropped,omitempty"`      // by the client's encoder or decoder
	Load             int    `json:"loadPercent,omitempty"`        // of the server's processors, if they were scarce
	ServerDrops      int    `json:"serverDrops,omitempty"`        // packets that the server dropped because it was too busy
	Limits           Limits `json:"limits,omitempty"`             // why there was no video, or a smaller one
	Stalled          int    `json:"stalledMs,omitempty"`          // in which the server's process did not run
}

// Limits are reasons why a receiver gets no video, or a smaller one than there is.
type Limits int

// The values are stored.
const (
	NoCodec   Limits = 1 << iota // the receiver lacks the publisher's codec
	Bandwidth                    // a larger layer, or any, exceeds the estimate
	NoLayer                      // the publisher sends no video
	Choice                       // the receiver prefers a smaller layer, or no video
)

var limitNames = []string{"no-codec", "bandwidth", "no-layer", "choice"}

// MarshalJSON writes the reasons as a list of names.
func (l Limits) MarshalJSON() ([]byte, error) {
	var all []string
	for i, name := range limitNames {
		if l&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	return json.Marshal(all)
}

// A rule says how values of a figure become one.
type rule int

const (
	mean   rule = iota // of intervals; the larger one of two reports on one interval
	high               // the largest
	low                // the smallest that is known
	total              // the sum of intervals; the larger one of two reports on one interval
	either             // bits
)

// figures are a sample's figures in the order in which they are stored.
var figures = [...]struct {
	rule  rule
	limit int // hostile values end here
	of    func(*Sample) *int
}{
	{mean, 1_000_000, func(s *Sample) *int { return &s.Bitrate }},
	{high, 1000, func(s *Sample) *int { return &s.Loss }},
	{high, 1000, func(s *Sample) *int { return &s.SourceLoss }},
	{mean, 60_000, func(s *Sample) *int { return &s.RoundTrip }},
	{mean, 60_000, func(s *Sample) *int { return &s.Jitter }},
	{mean, 240, func(s *Sample) *int { return &s.FrameRate }},
	{low, 16_384, func(s *Sample) *int { return &s.Height }},
	{total, 1000, func(s *Sample) *int { return &s.Freezes }},
	{total, 60_000, func(s *Sample) *int { return &s.Frozen }},
	{low, 1_000_000, func(s *Sample) *int { return &s.Estimate }},
	{total, 60_000, func(s *Sample) *int { return &s.KeyframeWait }},
	{total, 60_000, func(s *Sample) *int { return &s.CPULimited }},
	{total, 60_000, func(s *Sample) *int { return &s.BandwidthLimited }},
	{total, 100_000, func(s *Sample) *int { return &s.FramesDropped }},
	{high, 100, func(s *Sample) *int { return &s.Load }},
	{total, 1_000_000_000, func(s *Sample) *int { return &s.ServerDrops }},
	{either, 1<<4 - 1, func(s *Sample) *int { return (*int)(&s.Limits) }},
	{total, 60_000, func(s *Sample) *int { return &s.Stalled }},
}

// combine adds another report on the same interval.
func (s *Sample) combine(other *Sample) {
	for _, f := range figures {
		a, b := f.of(s), *f.of(other)
		switch f.rule {
		case either:
			*a |= b
		case low:
			*a = lowest(*a, b)
		default:
			*a = max(*a, b)
		}
	}
}

// join makes one sample of those of an interval, which begins at start.
func join(samples []Sample, start time.Time) Sample {
	var s Sample
	s.Interval = max(1, int(samples[len(samples)-1].At.Sub(start)/time.Second))
	s.At = start.Add(time.Duration(s.Interval) * time.Second)
	seconds := 0
	for i := range samples {
		seconds += samples[i].Interval
	}
	for _, f := range figures {
		sum, to := 0, f.of(&s)
		for i := range samples {
			v := *f.of(&samples[i])
			switch f.rule {
			case mean:
				sum += v * samples[i].Interval
			case high:
				*to = max(*to, v)
			case low:
				*to = lowest(*to, v)
			case total:
				*to += v
			case either:
				*to |= v
			}
		}
		if f.rule == mean {
			*to = sum / max(seconds, 1)
		}
	}
	return s
}

// lowest is the smaller of two values of which 0 is none.
func lowest(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// downsample joins samples so that each is about one step, which is aligned to the hour.
func downsample(samples []Sample, step time.Duration) (all []Sample) {
	for len(samples) > 0 {
		// A sample belongs to the step that its interval ends in.
		start := samples[0].At.Add(-time.Nanosecond).Truncate(step)
		n := 1
		for n < len(samples) && samples[n].At.Add(-time.Nanosecond).Truncate(step).Equal(start) {
			n++
		}
		all = append(all, join(samples[:n], start))
		samples = samples[n:]
	}
	return all
}

// clamp bounds all figures of a sample.
func (s *Sample) clamp() {
	for _, f := range figures {
		v := f.of(s)
		*v = min(max(*v, 0), f.limit)
	}
}
