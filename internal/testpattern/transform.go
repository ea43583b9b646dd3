package testpattern

// zigzag is the order in which the coefficients of a block are written (H.264 §8.5.6).
var zigzag = [16]int{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}

// A quantiser has the factors of one QP, by position in the block.
type quantiser struct {
	forward  [16]int32 // multipliers
	inverse  [16]int32 // LevelScale·2^(QP div 6) / 16
	shift    uint      // of the multipliers
	rounding int32     // a quarter: smaller levels are dropped
	dcScale  int32     // LevelScale of the DC, not shifted
	period   uint      // QP div 6
}

// Multipliers and scales (H.264 §8.5.9), by QP mod 6, for positions where both
// coordinates are even, both odd, and others.
var (
	multipliers = [6][3]int32{{13107, 5243, 8066}, {11916, 4660, 7490}, {10082, 4194, 6554}, {9362, 3647, 5825}, {8192, 3355, 5243}, {7282, 2893, 4559}}
	scales      = [6][3]int32{{10, 16, 13}, {11, 18, 14}, {13, 20, 16}, {14, 23, 18}, {16, 25, 20}, {18, 29, 23}}
)

func newQuantiser(qp int) quantiser {
	period := uint(qp / 6)
	q := quantiser{shift: 15 + period, dcScale: 16 * scales[qp%6][0], period: period}
	q.rounding = 1 << q.shift / 4
	for i := range 16 {
		kind := 2
		switch x, y := i%4, i/4; {
		case x%2 == 0 && y%2 == 0:
			kind = 0
		case x%2 == 1 && y%2 == 1:
			kind = 1
		}
		q.forward[i] = multipliers[qp%6][kind]
		q.inverse[i] = scales[qp%6][kind] << period
	}
	return q
}

// chromaQP is the QP of chroma for one of luma (H.264 table 8-15).
func chromaQP(qp int) int {
	if qp < 30 {
		return qp
	}
	return [...]int{29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39}[qp-30]
}

// ac quantises the coefficient at a position.
func (q *quantiser) ac(c int32, at int) int32 {
	if c < 0 {
		return -((-c*q.forward[at] + q.rounding) >> q.shift)
	}
	return (c*q.forward[at] + q.rounding) >> q.shift
}

// dc quantises a coefficient of a block of DC coefficients.
func (q *quantiser) dc(c int32) int32 {
	if c < 0 {
		return -q.dc(-c)
	}
	return int32((int64(c)*int64(q.forward[0]) + 2*int64(q.rounding)) >> (q.shift + 1))
}

// lumaDC scales a transformed level of the luma DC block (H.264 §8.5.10).
func (q *quantiser) lumaDC(f int32) int32 {
	if q.period >= 6 {
		return f * q.dcScale << (q.period - 6)
	}
	return (f*q.dcScale + 1<<(5-q.period)) >> (6 - q.period)
}

// chromaDC scales a transformed level of a chroma DC block (H.264 §8.5.11).
func (q *quantiser) chromaDC(f int32) int32 { return f * q.dcScale << q.period >> 5 }

// forward4x4 is the forward transform of a block.
func forward4x4(b *[16]int32) {
	for i := 0; i < 16; i += 4 {
		s03, d03, s12, d12 := b[i]+b[i+3], b[i]-b[i+3], b[i+1]+b[i+2], b[i+1]-b[i+2]
		b[i], b[i+1], b[i+2], b[i+3] = s03+s12, 2*d03+d12, s03-s12, d03-2*d12
	}
	for i := range 4 {
		s03, d03, s12, d12 := b[i]+b[i+12], b[i]-b[i+12], b[i+4]+b[i+8], b[i+4]-b[i+8]
		b[i], b[i+4], b[i+8], b[i+12] = s03+s12, 2*d03+d12, s03-s12, d03-2*d12
	}
}

// inverse4x4 is the inverse transform of a block, without the last rounding (H.264
// §8.5.12.2).
func inverse4x4(b *[16]int32) {
	for i := 0; i < 16; i += 4 {
		e, f, g, h := b[i]+b[i+2], b[i]-b[i+2], b[i+1]>>1-b[i+3], b[i+1]+b[i+3]>>1
		b[i], b[i+1], b[i+2], b[i+3] = e+h, f+g, f-g, e-h
	}
	for i := range 4 {
		e, f, g, h := b[i]+b[i+8], b[i]-b[i+8], b[i+4]>>1-b[i+12], b[i+4]+b[i+12]>>1
		b[i], b[i+4], b[i+8], b[i+12] = e+h, f+g, f-g, e-h
	}
}

// hadamard4x4 transforms a block of luma DC coefficients, forward and back.
func hadamard4x4(b *[16]int32) {
	for i := 0; i < 16; i += 4 {
		s01, d01, s23, d23 := b[i]+b[i+1], b[i]-b[i+1], b[i+2]+b[i+3], b[i+2]-b[i+3]
		b[i], b[i+1], b[i+2], b[i+3] = s01+s23, s01-s23, d01-d23, d01+d23
	}
	for i := range 4 {
		s01, d01, s23, d23 := b[i]+b[i+4], b[i]-b[i+4], b[i+8]+b[i+12], b[i+8]-b[i+12]
		b[i], b[i+4], b[i+8], b[i+12] = s01+s23, s01-s23, d01-d23, d01+d23
	}
}

// hadamard2x2 transforms a block of chroma DC coefficients, forward and back.
func hadamard2x2(b *[4]int32) {
	s01, d01, s23, d23 := b[0]+b[1], b[0]-b[1], b[2]+b[3], b[2]-b[3]
	b[0], b[1], b[2], b[3] = s01+s23, d01+d23, s01-s23, d01-d23
}
