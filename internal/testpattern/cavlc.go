package testpattern

// chromaDC is the context of a chroma DC block.
const chromaDC = -1

// residual writes a block of levels, in zigzag order (H.264 §7.3.5.3.2), and returns how
// many are not zero. nC is the context from the neighbours, or chromaDC.
func (w *bitWriter) residual(block []int32, nC int) int {
	var levels [16]int32 // from the highest frequency down, as they are written
	var runs [16]int     // the zeros before each
	total, ones, zeros, counting := 0, 0, 0, true
	for i := len(block) - 1; i >= 0; i-- {
		l := block[i]
		if l == 0 {
			if total > 0 {
				runs[total-1]++
				zeros++
			}
			continue
		}
		if counting && (l == 1 || l == -1) && ones < 3 {
			ones++
		} else {
			counting = false
		}
		levels[total] = l
		total++
	}
	w.token(total, ones, nC)
	if total == 0 {
		return 0
	}
	for _, l := range levels[:ones] {
		w.flag(l < 0)
	}
	w.levels(levels[ones:total], ones, total)
	if total == len(block) {
		return total
	}
	if nC == chromaDC {
		w.code(chromaDCTotalZeros[total][zeros])
	} else {
		w.code(totalZeros[total][zeros])
	}
	for i := 0; i < total-1 && zeros > 0; i++ {
		w.code(runBefore[min(zeros, 7)][runs[i]])
		zeros -= runs[i]
	}
	return total
}

func (w *bitWriter) code(c code) { w.put(c.word, c.len) }

func (w *bitWriter) token(total, ones, nC int) {
	switch {
	case nC == chromaDC:
		w.code(chromaDCTokens[total][ones])
	case nC < 2:
		w.code(coefficientTokens[0][total][ones])
	case nC < 4:
		w.code(coefficientTokens[1][total][ones])
	case nC < 8:
		w.code(coefficientTokens[2][total][ones])
	case total == 0:
		w.put(3, 6)
	default:
		w.put(uint32((total-1)<<2|ones), 6)
	}
}

// levels writes the levels that are not trailing ones (H.264 §9.2.2.1).
func (w *bitWriter) levels(levels []int32, ones, total int) {
	suffix := uint(0)
	if total > 10 && ones < 3 {
		suffix = 1
	}
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
