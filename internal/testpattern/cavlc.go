package testpattern

// A code is one variable-length code word.
type code struct {
	word uint32
	len  uint
}

// lumaToken is coeff_token for 0 ≤ nC < 2 (H.264 table 9-5), by the number of
// coefficients and of trailing ones. A macroblock of cells has at most four
// coefficients, so the table ends there.
var lumaToken = [5][4]code{
	{{1, 1}},
	{{5, 6}, {1, 2}},
	{{7, 8}, {4, 6}, {1, 3}},
	{{7, 9}, {6, 8}, {5, 7}, {3, 5}},
	{{7, 10}, {6, 9}, {5, 8}, {3, 6}},
}

// totalZeros is total_zeros for blocks of 16 (H.264 table 9-7), by the number of
// coefficients and of zeros before the last. The last used position is 4.
var totalZeros = [5][]code{
	{},
	{{1, 1}, {3, 3}, {2, 3}, {3, 4}, {2, 4}},
	{{7, 3}, {6, 3}, {5, 3}, {4, 3}},
	{{5, 4}, {7, 3}, {6, 3}},
	{{3, 5}, {7, 3}},
}

// runBefore is run_before (H.264 table 9-10), by zeros left and run.
var runBefore = [5][]code{
	{},
	{{1, 1}, {0, 1}},
	{{1, 1}, {1, 2}, {0, 2}},
	{{3, 2}, {2, 2}, {1, 2}, {0, 2}},
	{{3, 2}, {2, 2}, {1, 2}, {1, 3}, {0, 3}},
}

// scanPositions are the positions in zigzag order of the four coefficients that cells of
// half a macroblock can have: both flat, horizontal step, vertical step, both.
var scanPositions = [4]int{0, 1, 2, 4}

// lumaDC writes the Intra16x16DCLevel block of a macroblock (H.264 §7.3.5.3.2).
// nC is the context from the neighbours: 0, or 8 and more beside I_PCM.
func (w *bitWriter) lumaDC(level [4]int, nC int) {
	var levels [4]int // from the highest frequency down, as they are written
	var places [4]int
	total, ones, counting := 0, 0, true
	for i := 3; i >= 0; i-- {
		l := level[i]
		if l == 0 {
			continue
		}
		if counting && (l == 1 || l == -1) && ones < 3 {
			ones++
		} else {
			counting = false
		}
		levels[total], places[total] = l, scanPositions[i]
		total++
	}
	w.token(total, ones, nC)
	if total == 0 {
		return
	}
	for _, l := range levels[:ones] {
		w.flag(l < 0)
	}
	w.levels(levels[ones:total], ones)

	zeros := places[0] + 1 - total
	c := totalZeros[total][zeros]
	w.put(c.word, c.len)
	for i := 0; i < total-1 && zeros > 0; i++ {
		run := places[i] - places[i+1] - 1
		c := runBefore[zeros][run]
		w.put(c.word, c.len)
		zeros -= run
	}
}

func (w *bitWriter) token(total, ones, nC int) {
	switch {
	case nC < 8:
		c := lumaToken[total][ones]
		w.put(c.word, c.len)
	case total == 0:
		w.put(3, 6)
	default:
		w.put(uint32((total-1)<<2|ones), 6)
	}
}

// levels writes the levels that are not trailing ones (H.264 §9.2.2.1).
func (w *bitWriter) levels(levels []int, ones int) {
	suffix := uint(0)
	for i, l := range levels {
		size, c := l, 2*l-2
		if l < 0 {
			size, c = -l, -2*l-1
		}
		if i == 0 && ones < 3 {
			c -= 2 // it is not ±1, which would be a trailing one
		}
		w.levelCode(uint32(c), suffix)
		if suffix == 0 {
			suffix = 1
		}
		if size > 3<<(suffix-1) && suffix < 6 {
			suffix++
		}
	}
}

func (w *bitWriter) levelCode(c uint32, suffix uint) {
	switch {
	case suffix == 0 && c < 14:
		w.put(1, uint(c)+1)
	case suffix == 0 && c < 30:
		w.put(1, 15)
		w.put(c-14, 4)
	case suffix == 0:
		w.put(1, 16)
		w.put(c-30, 12)
	case c < 15<<suffix:
		w.put(1, uint(c>>suffix)+1)
		w.put(c, suffix)
	default:
		w.put(1, 16)
		w.put(c-15<<suffix, 12)
	}
}

// chromaDC writes a ChromaDCLevel block that is empty or has one flat level
// (H.264 table 9-5, column nC = −1, and table 9-9).
func (w *bitWriter) chromaDC(level int) {
	switch level {
	case 0:
		w.put(1, 2)
		return
	case 1, -1:
		w.put(1, 1)
		w.flag(level < 0)
	default:
		w.put(7, 6)
		w.levels([]int{level}, 0)
	}
	w.put(1, 1) // no zeros before it
}
