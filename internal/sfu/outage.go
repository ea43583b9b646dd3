package sfu

import "time"

const (
	outageConfirmTime = time.Second // of too little bandwidth before the video pauses; probes are sent meanwhile
	minOutage         = 3 * time.Second
	maxOutage         = 30 * time.Second
	outageTrialTime   = 4 * time.Second
)

// outage is a pause for lack of bandwidth. A receiver without transport-wide feedback reports
// only loss, which says nothing while nothing flows. After a while the smallest layer is
// therefore tried again; each failed trial doubles the wait. For other receivers probe
// clusters measure when the pause can end.
type outage struct {
	shortSince  time.Duration // when bandwidth became too low, 0 if it is enough
	pausedSince time.Duration // 0 if not paused
	wait        time.Duration
	trialUntil  time.Duration // what flows is on trial
	endedAt     time.Duration
}

// begin records that there is too little bandwidth. It reports whether to pause.
func (o *outage) begin(now time.Duration) bool {
	switch {
	case o.pausedSince != 0:
		return true
	case o.shortSince == 0:
		o.shortSince = now
	}
	if now-o.shortSince < outageConfirmTime {
		return false
	}
	if now-o.endedAt > maxOutage {
		o.wait = 0
	}
	o.pausedSince, o.wait = now, min(max(o.wait*2, minOutage), maxOutage)
	return true
}

// waiting reports whether the pause continues whatever the estimate is. lossOnly says that the
// receiver reports only loss.
func (o *outage) waiting(now time.Duration, lossOnly bool) bool {
	return lossOnly && o.pausedSince != 0 && now-o.pausedSince < o.wait
}

// startTrial ends a pause that has lasted long enough, on trial.
func (o *outage) startTrial(now time.Duration) bool {
	if o.pausedSince == 0 || now-o.pausedSince < o.wait {
		return false
	}
	o.end(now)
	o.trialUntil = now + outageTrialTime
	return true
}

func (o *outage) end(now time.Duration) {
	o.shortSince = 0
	if o.pausedSince != 0 {
		o.pausedSince, o.endedAt = 0, now
	}
}
