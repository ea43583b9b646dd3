package testpattern

// Intra prediction modes of a macroblock, as they are numbered for luma (H.264 table 8-4).
const (
	predictVertical = iota
	predictHorizontal
	predictDC
)

// chromaMode numbers them for chroma (H.264 table 8-5).
var chromaMode = [3]uint32{predictVertical: 2, predictHorizontal: 1, predictDC: 0}

// edges are the samples of the picture around a block of a macroblock's size, from which
// it is predicted.
type edges struct {
	size      int
	top, left [16]byte
	hasTop    bool
	hasLeft   bool
	mean      [4]byte // of the DC prediction, by quarter
}

// read reads the edges of a macroblock in what the decoder has.
func (e *edges) read(l *plane, x, y, size int, hasTop, hasLeft bool) {
	at := y*size*l.stride + x*size
	e.size, e.hasTop, e.hasLeft = size, hasTop, hasLeft
	if e.hasTop {
		copy(e.top[:size], l.pix[at-l.stride:])
	}
	if e.hasLeft {
		for i := range size {
			e.left[i] = l.pix[at+i*l.stride-1]
		}
	}
	if size == 16 {
		e.lumaMean()
	} else {
		e.chromaMean()
	}
}

// lumaMean is the DC prediction of luma (H.264 §8.3.3.3).
func (e *edges) lumaMean() {
	mean := byte(128)
	switch top, left := sum(e.top[:16]), sum(e.left[:16]); {
	case e.hasTop && e.hasLeft:
		mean = byte((top + left + 16) >> 5)
	case e.hasTop:
		mean = byte((top + 8) >> 4)
	case e.hasLeft:
		mean = byte((left + 8) >> 4)
	}
	e.mean = [4]byte{mean, mean, mean, mean}
}

// chromaMean is the DC prediction of chroma, which has one value a quarter (H.264 §8.3.4).
func (e *edges) chromaMean() {
	for quarter := range 4 {
		i, j := quarter%2*4, quarter/2*4
		top, left := sum(e.top[i:i+4]), sum(e.left[j:j+4])
		switch {
		case e.hasTop && e.hasLeft && i == j:
			e.mean[quarter] = byte((top + left + 4) >> 3)
		case e.hasTop && (!e.hasLeft || i >= j):
			e.mean[quarter] = byte((top + 2) >> 2)
		case e.hasLeft:
			e.mean[quarter] = byte((left + 2) >> 2)
		default:
			e.mean[quarter] = 128
		}
	}
}

func sum(samples []byte) (s int) {
	for _, v := range samples {
		s += int(v)
	}
	return s
}

// costs adds how far a macroblock's border is from each prediction: enough to tell which
// fits, at a fraction of the work of comparing all samples. What cannot be predicted from
// costs most.
func (e *edges) costs(l *plane, x, y int, cost *[3]int) {
	at := y*e.size*l.stride + x*e.size
	top := l.pix[at:][:e.size]
	for i, v := range top {
		left := l.pix[at+i*l.stride]
		right := l.pix[at+i*l.stride+e.size-1]
		bottom := l.pix[at+(e.size-1)*l.stride+i]
		cost[predictVertical] += distance(int(v), int(e.top[i])) + distance(int(bottom), int(e.top[i]))
		cost[predictHorizontal] += distance(int(left), int(e.left[i])) + distance(int(right), int(e.left[i]))
		cost[predictDC] += distance(int(v), int(e.mean[i*2/e.size])) + distance(int(bottom), int(e.mean[2+i*2/e.size]))
	}
	const maxCost = 1 << 20
	if !e.hasTop {
		cost[predictVertical] = maxCost
	}
	if !e.hasLeft {
		cost[predictHorizontal] = maxCost
	}
}

func distance(a, b int) int {
	if a < b {
		return b - a
	}
	return a - b
}

// predict writes the prediction into a macroblock of what the decoder has.
func (e *edges) predict(l *plane, x, y, mode int) {
	at := y*e.size*l.stride + x*e.size
	for j := range e.size {
		line := l.pix[at+j*l.stride:][:e.size]
		switch mode {
		case predictVertical:
			copy(line, e.top[:])
		case predictHorizontal:
			fillBytes(line, e.left[j])
		default:
			quarter := j * 2 / e.size * 2
			fillBytes(line[:e.size/2], e.mean[quarter])
			fillBytes(line[e.size/2:], e.mean[quarter+1])
		}
	}
}

func fillBytes(line []byte, v byte) {
	for i := range line {
		line[i] = v
	}
}

// best is the mode that costs least.
func best(cost [3]int) int {
	mode := predictDC
	for m := range cost {
		if cost[m] < cost[mode] {
			mode = m
		}
	}
	return mode
}
