package console

import (
	"bytes"
	"encoding/json"
	"sync"
)

const (
	maxLogLines = 2000
	maxLogLine  = 4 << 10 // bytes; of longer lines the message is kept
)

// A LogRing holds the newest lines of the log in memory. It is the writer of a JSON handler
// of package log/slog, which hides secrets as that of the log itself does.
type LogRing struct {
	mu    sync.Mutex // guards what follows
	lines []LogLine  // at most maxLogLines, oldest first, from first on
	first int        // index of the oldest once lines is full
	last  int64      // number of the newest
}

// A LogLine is one line of the log.
type LogLine struct {
	Number int64           `json:"number"` // counts from 1
	Line   json.RawMessage `json:"line"`   // an object: time, level, msg and attributes
}

// Write keeps a line.
func (l *LogRing) Write(line []byte) (int, error) {
	kept := bytes.Clone(bytes.TrimSpace(line))
	if len(kept) > maxLogLine {
		kept = shorten(kept)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	added := LogLine{l.last, kept}
	if len(l.lines) < maxLogLines {
		l.lines = append(l.lines, added)
	} else {
		l.lines[l.first] = added
		l.first = (l.first + 1) % maxLogLines
	}
	return len(line), nil
}

// shorten leaves the attributes of a line out.
func shorten(line []byte) []byte {
	var short struct {
		Time  string `json:"time"`
		Level string `json:"level"`
		Msg   string `json:"msg"`
		Left  string `json:"attributes"`
	}
	_ = json.Unmarshal(line, &short) // the handler wrote it
	short.Msg, short.Left = short.Msg[:min(len(short.Msg), maxLogLine/2)], "left out: the line is too long"
	kept, _ := json.Marshal(short)
	return kept
}

// After returns the lines after a number, oldest first, and the number of the newest.
func (l *LogRing) After(number int64) (lines []LogLine, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := int64(len(l.lines))
	skipped := max(0, number-(l.last-count))
	lines = []LogLine{}
	for i := skipped; i < count; i++ {
		lines = append(lines, l.lines[(l.first+int(i))%len(l.lines)])
	}
	return lines, l.last
}
