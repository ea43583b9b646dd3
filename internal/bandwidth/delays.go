package bandwidth

const (
	second = int64(1e9)

	baseSpan = 4 * second // the quickest packet of the last three such spans is the base
	// lookSpans are judged together: 400 ms, longer than a keyframe waits on a path that
	// carries its layer.
	lookSpan    = int64(25e6)
	lookSpans   = 16
	jamSpans    = lookSpans / 2 // in which a path that has become far narrower shows
	lookPackets = 6             // that a judgement takes
	standing    = int64(20e6)
	long        = int64(100e6)
	draining    = int64(6e6)  // in half the time that is looked at: 3 % of what the path carries
	patient     = second      // with a short queue: keyframes of several publishers may meet
	insane      = 10 * second // no queue is that long: a clock was set
)

// Delays is what the packets of one transport tell of the queue on its path: how much longer
// they took than the quickest ones. The receiver's clock need not agree with ours, only run
// at about the same pace. The zero value is ready.
type Delays struct {
	base   [3]int64 // least delays, by span
	span   int64
	begun  bool
	spans  [lookSpans]span
	newest int64 // number of the latest of them
	train  train
}

// span is what arrived within lookSpan.
type span struct {
	number  int64
	queue   int64 // least wait
	packets int
	bytes   int
}

// take notes one packet and returns how long it waited in queues.
func (d *Delays) take(sent, arrived int64, bytes int) (queue int64) {
	delay, now := arrived-sent, sent/baseSpan
	switch {
	case !d.begun || delay-d.least() > insane || d.span-now > 1:
		*d = Delays{begun: true, span: now, base: [3]int64{delay, delay, delay}}
	case now > d.span:
		for range min(now-d.span, 3) {
			d.base[2], d.base[1], d.base[0] = d.base[1], d.base[0], delay
		}
		d.span = now
	}
	d.base[0] = min(d.base[0], delay)
	queue = delay - d.least()
	number := (sent + queue) / lookSpan
	if number < 0 {
		return 0
	}
	s := &d.spans[number%lookSpans]
	if s.number > number {
		return queue // too late to count
	}
	if s.number != number {
		*s = span{number: number, queue: queue}
	}
	s.queue = min(s.queue, queue)
	s.packets, s.bytes = s.packets+1, s.bytes+bytes
	d.newest = max(d.newest, number)
	return queue
}

func (d *Delays) least() int64 { return min(d.base[0], d.base[1], d.base[2]) }

// queue is the wait that no packet was spared lately, 0 when too few came to tell. It drains
// when it becomes shorter by itself: a burst was on its way.
func (d *Delays) queue() (least int64, drains bool) { return d.look(lookSpans) }

// jam is the same over half that time, and 0 when it isn't long or drains.
func (d *Delays) jam() int64 {
	if least, drains := d.look(jamSpans); least > long && !drains {
		return least
	}
	return 0
}

// look judges the latest spans.
func (d *Delays) look(latest int64) (least int64, drains bool) {
	halves, packets, oldest := [2]int64{insane, insane}, 0, d.newest
	for i := range d.spans {
		if s := &d.spans[i]; s.packets > 0 && s.number > d.newest-latest {
			half := 0
			if s.number > d.newest-latest/2 {
				half = 1
			}
			halves[half] = min(halves[half], s.queue)
			packets, oldest = packets+s.packets, min(oldest, s.number)
		}
	}
	if packets < lookPackets || d.newest-oldest < latest*3/4 {
		return 0, false
	}
	return min(halves[0], halves[1]), halves[1] < halves[0]-draining
}

// rate is the bits a second that this transport's packets lately came at.
func (d *Delays) rate() float64 {
	total := 0
	for i := range d.spans {
		if s := &d.spans[i]; s.number > d.newest-lookSpans {
			total += s.bytes
		}
	}
	return float64(total) * 8 * 1e9 / float64(lookSpan*lookSpans)
}

// settle makes the queue that is there the base: it isn't ours to empty. What the packets
// take from now on is measured against it, until they are quicker.
func (d *Delays) settle() {
	q, _ := d.queue()
	for i := range d.base {
		d.base[i] += q
	}
	d.spans = [lookSpans]span{}
}
