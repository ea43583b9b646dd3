package bandwidth

import "time"

const (
	highLoss            = 0.10 // share of lost packets that calls for a lower bitrate
	lowLoss             = 0.02 // share below which loss says nothing
	lossSamplePackets   = 40   // packets of one sample: of fewer, a share of loss says nothing
	lossBackoffInterval = 500 * time.Millisecond
)

// lossTracker follows the share of lost packets. It tells loss that a lower bitrate reduces
// from loss that the path has anyway, as radio links do.
type lossTracker struct {
	packets, lost  int // of the current sample
	share          float64
	backedOffAt    time.Duration
	shareAtBackoff float64
	inherentShare  float64 // share that no lower bitrate reduced
}

func (l *lossTracker) add(lost bool) {
	l.packets++
	if lost {
		l.lost++
	}
	if l.packets >= lossSamplePackets {
		l.share += (float64(l.lost)/float64(l.packets) - l.share) / 2
		l.packets, l.lost = 0, 0
	}
}

// shouldBackOff reports whether so much is lost that less must be sent.
func (l *lossTracker) shouldBackOff(now time.Duration, estimate, arrived float64) bool {
	if l.share <= max(highLoss, l.inherentShare*1.3) {
		if l.share < l.inherentShare/2 {
			l.inherentShare = 0
		}
		if now-l.backedOffAt > 10*time.Second {
			l.backedOffAt = 0
		}
		return false
	}
	if now-l.backedOffAt < lossBackoffInterval {
		return false
	}
	if l.backedOffAt != 0 && now-l.backedOffAt > 2*time.Second && arrived < estimate*complianceFactor && l.share > l.shareAtBackoff*0.7 {
		l.inherentShare, l.backedOffAt = l.share, 0
		return false
	}
	if l.backedOffAt == 0 || arrived > estimate {
		l.backedOffAt, l.shareAtBackoff = now, l.share
		return true
	}
	return false
}
