package bandwidth

import (
	"testing"
	"time"
)

func TestEstimator_StaysInRangeOnInvalidFeedback(t *testing.T) {
	e, d := &Estimator{}, &DelayTracker{}
	for now, arrived := range []time.Duration{1 << 62, -1 << 62, 0, 1 << 40, -1 << 40, 1, -1 << 63} {
		for _, sent := range []time.Duration{1 << 62, 0, -1 << 62, 1 << 30} {
			e.AddFeedback(time.Duration(now)*time.Second, d, []Ack{{Sent: sent, Arrived: arrived, Size: 1 << 30, Cluster: 1}, {Sent: sent + 1, Arrived: arrived}})
		}
	}
	if bitrate, _ := e.Bitrate(); bitrate < minBitrate || bitrate > maxBitrate {
		t.Errorf("the estimate is %d", bitrate)
	}
}
