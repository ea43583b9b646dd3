package sfu

// usedNumbers records which of the latest outgoing numbers were used.
type usedNumbers [16]uint64

const usedNumbersSize = 64 * uint64(len(usedNumbers{}))

// markUsed marks a number as used. It reports false if the number was used before or is too
// old to tell. last is the greatest number used so far.
func (u *usedNumbers) markUsed(number, last uint64) bool {
	bit := func(n uint64) (*uint64, uint64) { return &u[n/64%uint64(len(u))], 1 << (n % 64) }
	if number > last {
		for n := max(last+1, number-min(number, usedNumbersSize-1)); n < number; n++ {
			word, mask := bit(n)
			*word &^= mask
		}
		word, mask := bit(number)
		*word |= mask
		return true
	}
	if number+usedNumbersSize <= last {
		return false
	}
	word, mask := bit(number)
	if *word&mask != 0 {
		return false
	}
	*word |= mask
	return true
}
