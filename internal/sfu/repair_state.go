package sfu

import "time"

const (
	repairBytesPerSecond = 250_000
	repairBurst          = 100_000 // bytes
)

// repairState is what a subscription needs for retransmissions.
type repairState struct {
	repairBudget  byteBudget
	recentRepairs *repairLog     // nil before the first retransmission
	twccNumbers   *twccNumberLog // nil if there is an RTX stream, or no transport-wide number
}

// byteBudget limits retransmissions, however many NACKs arrive.
type byteBudget struct {
	bytes     int
	updatedAt time.Duration
}

func (b *byteBudget) spend(bytes int, now time.Duration) bool {
	if b.updatedAt == 0 {
		b.bytes = repairBurst
	}
	b.bytes = min(b.bytes+int((now-b.updatedAt)*repairBytesPerSecond/time.Second), repairBurst)
	b.updatedAt = now
	if b.bytes < bytes {
		return false
	}
	b.bytes -= bytes
	return true
}

// repairLog records when numbers were last retransmitted: a viewer may request a number again
// before the first retransmission can have arrived.
type repairLog [64]struct {
	number uint16
	at     time.Duration
}

// sentWithin reports whether a number was retransmitted in the time before now.
func (l *repairLog) sentWithin(number uint16, now, within time.Duration) bool {
	if l == nil {
		return false
	}
	last := l[number%uint16(len(l))]
	return last.at != 0 && last.number == number && now-last.at < within
}

func (l *repairLog) record(number uint16, now time.Duration) {
	last := &l[number%uint16(len(l))]
	last.number, last.at = number, now
}

// twccNumberLog records the transport-wide numbers of the latest packets, for a subscription
// that retransmits without an RTX stream.
type twccNumberLog [64]struct {
	sequence uint64
	number   uint16
}

func (l *twccNumberLog) record(sequence uint64, number uint16) {
	last := &l[sequence%uint64(len(l))]
	last.sequence, last.number = sequence, number
}

func (l *twccNumberLog) lookup(sequence uint64) (number uint16, known bool) {
	last := l[sequence%uint64(len(l))]
	return last.number, last.sequence == sequence
}
