package bandwidth

// state is what the queue on the path does.
type state uint8

const (
	normal state = iota
	overuse
	underuse
)

const (
	groupSpan   = 5e6 // packets sent within this time are judged together, ns
	trendPoints = 20
	trendGain   = 4.0
	// The bound between noise and a growing queue adapts: quickly up, so that a jittery path
	// isn't taken for a full one, slowly down (draft-ietf-rmcat-gcc-02 §5.4).
	boundStart = 12.5e6
	boundLeast = 6e6
	boundMost  = 600e6
	boundUp    = 0.0087
	boundDown  = 0.039
	overuseFor = 10e6 // ns that the trend has to last
)

// trend watches whether packets take longer and longer: the sign of a queue that grows. It
// follows the delay-based part of draft-ietf-rmcat-gcc-02 with a line fitted through the
// smoothed delay.
type trend struct {
	state state

	open           bool // a group is being gathered
	sent, arrived  int64
	lastSent       int64
	lastArrived    int64
	previous       bool
	previousSent   int64
	previousArrive int64

	delay, smooth float64 // accumulated, ns
	points        [trendPoints]point
	n             int
	bound         float64
	over          float64 // time above the bound
	slope         float64
	lastUpdate    int64
}

type point struct{ at, delay float64 }

func (t *trend) add(sent, arrived int64) {
	if !t.open {
		t.open, t.sent, t.arrived = true, sent, arrived
		t.lastSent, t.lastArrived = sent, arrived
		return
	}
	if sent-t.sent < groupSpan {
		t.lastSent, t.lastArrived = max(t.lastSent, sent), max(t.lastArrived, arrived)
		return
	}
	if t.previous {
		t.update(t.lastSent-t.previousSent, t.lastArrived-t.previousArrive, t.lastArrived)
	}
	t.previous, t.previousSent, t.previousArrive = true, t.lastSent, t.lastArrived
	t.sent, t.arrived, t.lastSent, t.lastArrived = sent, arrived, sent, arrived
}

// update takes the distance between two groups as sent and as arrived.
func (t *trend) update(sent, arrived, now int64) {
	if sent > 3*second || arrived > 3*second || arrived < -second { // a pause or a broken clock
		*t = trend{bound: t.bound}
		return
	}
	t.delay += float64(arrived - sent)
	t.smooth = 0.9*t.smooth + 0.1*t.delay
	t.points[t.n%trendPoints] = point{float64(now), t.smooth}
	t.n++
	if t.n < trendPoints {
		return
	}
	slope := t.fit()
	weight := slope * float64(min(t.n, 60)) * trendGain * 1e6
	t.judge(weight, slope, float64(arrived))
	t.adapt(weight, now)
}

// fit is the slope of the line through the points, by least squares.
func (t *trend) fit() float64 {
	var x, y float64
	for _, p := range t.points {
		x, y = x+p.at, y+p.delay
	}
	x, y = x/trendPoints, y/trendPoints
	var above, below float64
	for _, p := range t.points {
		above += (p.at - x) * (p.delay - y)
		below += (p.at - x) * (p.at - x)
	}
	if below == 0 {
		return 0
	}
	return above / below
}

func (t *trend) judge(weight, slope, elapsed float64) {
	if t.bound == 0 {
		t.bound = boundStart
	}
	switch {
	case weight > t.bound:
		t.over += elapsed
		if t.over > overuseFor && slope >= t.slope {
			t.over, t.state = 0, overuse
		}
	case weight < -t.bound:
		t.over, t.state = 0, underuse
	default:
		t.over, t.state = 0, normal
	}
	t.slope = slope
}

func (t *trend) adapt(weight float64, now int64) {
	size := max(weight, -weight)
	if t.lastUpdate == 0 || size > t.bound+15e6 { // an outlier teaches nothing
		t.lastUpdate = now
		return
	}
	k := boundDown
	if size > t.bound {
		k = boundUp
	}
	elapsed := float64(min(now-t.lastUpdate, 100e6)) / 1e6
	t.bound = min(max(t.bound+k*(size-t.bound)*elapsed, boundLeast), boundMost)
	t.lastUpdate = now
}

// calm is called after an answer to overuse: the next one needs new evidence.
func (t *trend) calm() { t.state, t.over = normal, 0 }
