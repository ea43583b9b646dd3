package job

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Kind is what a Report tells of.
type Kind string

// The kinds of Reports.
const (
	Ready            Kind = "ready"       // on the stage, and composing
	DestinationState Kind = "destination" // Destination, State; Reason with RECONNECTING and FAILED
	File             Kind = "file"        // Destination, Name: the file is there, or there anew
	Heartbeat        Kind = "heartbeat"   // Health
	Log              Kind = "log"         // Level, Reason
	Ended            Kind = "ended"       // Reason; empty where it was wanted
)

// State is where a destination is, in the API's words.
type State string

// The states that are told; before them a destination is STARTING.
const (
	Active       State = "ACTIVE"
	Reconnecting State = "RECONNECTING"
	Failed       State = "FAILED"
	Stopped      State = "STOPPED"
)

// Reasons that a supervisor tells apart: of Ended, and of Failed.
const (
	StageDeleted   = "the stage was deleted"
	NoDestinations = "no destination is left"
	Refused        = "the server refuses the stream"
)

// A Report is one line of the channel. Which fields it has, its Kind says.
type Report struct {
	Kind        Kind      `json:"kind"`
	Time        time.Time `json:"time"`
	Destination string    `json:"destination,omitempty"`
	State       State     `json:"state,omitempty"`
	Name        string    `json:"name,omitempty"`  // with slashes, from the destination's directory
	Level       string    `json:"level,omitempty"` // as of log/slog
	Reason      string    `json:"reason,omitempty"`
	Health      *Health   `json:"health,omitempty"`
}

// Health is how a process fares.
type Health struct {
	Publishers int             `json:"publishers"` // on the stage, as far as known
	Members    []MemberHealth  `json:"members"`    // those who are composed, in order of arrival
	Programs   []ProgramHealth `json:"programs"`   // as in the Job
}

// MemberHealth is how one participant's media come in. Counts are since it joined.
type MemberHealth struct {
	ID        string `json:"id"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	DelayMS   int64  `json:"delayMs"` // that is waited for the slowest frames
	Pictures  uint64 `json:"pictures"`
	Damaged   uint64 `json:"damaged"`
	Keyframes uint64 `json:"keyframesAsked"`
}

// ProgramHealth is how a program keeps its time. Counts are since the start.
type ProgramHealth struct {
	Ticks       int64             `json:"ticks"`
	Late        int64             `json:"late"`
	WorstLateMS int64             `json:"worstLateMs"` // since the last heartbeat
	Bytes       int64             `json:"bytes"`
	Dropped     map[string]uint64 `json:"dropped,omitempty"` // packets, by destination
}

// A Writer writes Reports, from any goroutine.
type Writer struct {
	mu      sync.Mutex // guards what follows
	encoder *json.Encoder
}

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{encoder: json.NewEncoder(w)} }

// Write sends a Report, with the time of now.
func (w *Writer) Write(r Report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Time = time.Now().UTC()
	return w.encoder.Encode(r)
}

// maxLine bounds a Report that is read.
const maxLine = 1 << 20

// Reports calls hear for each Report of a process until its output ends. A line that
// is none is handed on as one of Kind Log: what a library printed before it died.
func Reports(r io.Reader, hear func(Report)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		report := Report{}
		if err := json.Unmarshal(lines.Bytes(), &report); err != nil || report.Kind == "" {
			report = Report{Kind: Log, Time: time.Now().UTC(), Level: "WARN", Reason: lines.Text()}
		}
		hear(report)
	}
	return lines.Err()
}
