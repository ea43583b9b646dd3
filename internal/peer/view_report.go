package peer

import (
	"fmt"
	"io"
)

// A ViewReport is what happened to a viewer of one publisher. In "statistics" the counts are of the last
// second, in "summary" of the whole run.
type ViewReport struct {
	Event         string   `json:"event"`
	ParticipantID string   `json:"participantId"`
	Error         string   `json:"error,omitempty"`
	Elapsed       float64  `json:"elapsedMs,omitempty"` // until media could flow
	Kind          string   `json:"kind,omitempty"`
	Codec         string   `json:"codec,omitempty"`
	Bitrate       uint64   `json:"bitrate,omitempty"` // bits a second
	Packets       uint64   `json:"packets,omitempty"`
	Lost          uint64   `json:"lost,omitempty"`
	Jitter        float64  `json:"jitterMs,omitempty"`
	Frames        uint64   `json:"frames,omitempty"`
	FPS           float64  `json:"fps,omitempty"`
	Keyframes     uint64   `json:"keyframes,omitempty"`
	Width         int      `json:"width,omitempty"`
	Height        int      `json:"height,omitempty"`
	Freezes       uint64   `json:"freezes,omitempty"`
	Frozen        float64  `json:"frozenMs,omitempty"`
	KeyframeWait  float64  `json:"keyframeWaitMs,omitempty"` // from offer to first keyframe
	LatencyMedian *float64 `json:"latencyMs,omitempty"`      // from drawing to arrival, of the test pattern
	LatencyP95    *float64 `json:"latencyP95Ms,omitempty"`
	LatencyP99    *float64 `json:"latencyP99Ms,omitempty"`
}

// Describe writes the report as one line for people.
func (r ViewReport) Describe(w io.Writer) {
	switch r.Event {
	case "subscribed":
		fmt.Fprintf(w, "%s  connected in %.0f ms; Ctrl-C stops\n", r.ParticipantID, r.Elapsed)
	case "first-picture":
		fmt.Fprintf(w, "%s  first picture %.0f ms after the offer\n", r.ParticipantID, r.KeyframeWait)
	case "error":
		fmt.Fprintf(w, "%s  %s\n", r.ParticipantID, r.Error)
	case "interrupted":
		fmt.Fprintf(w, "%s  %s; reconnecting\n", r.ParticipantID, r.Error)
	default:
		r.DescribeStatistics(w)
	}
}

// DescribeStatistics writes what was received, and how well.
func (r ViewReport) DescribeStatistics(w io.Writer) {
	what := r.Codec
	if r.Width > 0 {
		what = fmt.Sprintf("%s %dx%d %.1f fps", r.Codec, r.Width, r.Height, r.FPS)
	}
	total := ""
	if r.Event == "summary" {
		total = "in all: "
	}
	loss := 0.0
	if r.Packets > 0 {
		loss = 100 * float64(r.Lost) / float64(r.Packets+r.Lost)
	}
	fmt.Fprintf(w, "%s  %s%-24s %12s  loss %.1f %%  jitter %.1f ms", r.ParticipantID, total, what, formatBitrate(float64(r.Bitrate)), loss, r.Jitter)
	if r.LatencyMedian != nil {
		fmt.Fprintf(w, "  latency %.1f ms (p95 %.1f)", *r.LatencyMedian, *r.LatencyP95)
	}
	if r.Freezes > 0 {
		fmt.Fprintf(w, "  %d freezes, %.0f ms", r.Freezes, r.Frozen)
	}
	fmt.Fprintln(w)
}
