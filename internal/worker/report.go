package worker

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Kind is what a Report is about.
type Kind string

// The kinds of Reports.
const (
	Ready            Kind = "ready"       // on the stage, and composing
	DestinationState Kind = "destination" // Destination, State; Reason with RECONNECTING and FAILED
	File             Kind = "file"        // Destination, Name: the file is there, or replaced
	Heartbeat        Kind = "heartbeat"   // Health
	Log              Kind = "log"         // Level, Reason
	Ended            Kind = "ended"       // Reason; empty where it was asked to stop
)

// State is a destination's state, in the API's words.
type State string

// The states that are reported; before them a destination is STARTING.
const (
	Active       State = "ACTIVE"
	Reconnecting State = "RECONNECTING"
	Failed       State = "FAILED"
	Stopped      State = "STOPPED"
)

// Reasons that an owner handles differently: of Ended, and of Failed.
const (
	StageDeleted   = "the stage was deleted"
	NoDestinations = "no destination is left"
	Refused        = "the server refuses the stream"
)

// A Report is one line of a process's output. Its Kind says which fields it has.
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

// Health is the content of a heartbeat.
type Health struct {
	Publishers   int                 `json:"publishers"`   // on the stage, as far as known
	Participants []ParticipantHealth `json:"participants"` // that are composed, in order of arrival
	Programs     []ProgramHealth     `json:"programs"`     // as in the Job
}

// ParticipantHealth describes the media of one participant. Counts are since it joined.
type ParticipantHealth struct {
	ID        string `json:"id"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	DelayMS   int64  `json:"delayMs"` // added, to wait for late frames
	Decoded   uint64 `json:"decoded"` // pictures
	Damaged   uint64 `json:"damaged"` // pictures
	Keyframes uint64 `json:"keyframesRequested"`
}

// ProgramHealth describes a program's output clock. Counts are since the start.
type ProgramHealth struct {
	Ticks       int64             `json:"ticks"`
	Late        int64             `json:"late"`        // ticks
	WorstLateMS int64             `json:"worstLateMs"` // since the last heartbeat
	Bytes       int64             `json:"bytes"`
	Dropped     map[string]uint64 `json:"dropped,omitempty"` // packets, by destination
}

// A ReportWriter writes Reports. It may be used by several goroutines.
type ReportWriter struct {
	mu      sync.Mutex // guards what follows
	encoder *json.Encoder
}

// NewReportWriter returns a writer to w.
func NewReportWriter(w io.Writer) *ReportWriter { return &ReportWriter{encoder: json.NewEncoder(w)} }

// Write writes a Report with the current time.
func (w *ReportWriter) Write(r Report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Time = time.Now().UTC()
	return w.encoder.Encode(r)
}

// maxLine bounds a Report that is read.
const maxLine = 1 << 20

// ReadReports calls handle for each Report of a process until its output ends. A line
// that is no Report, such as a library's last message, becomes one of Kind Log.
func ReadReports(r io.Reader, handle func(Report)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		report := Report{}
		if err := json.Unmarshal(lines.Bytes(), &report); err != nil || report.Kind == "" {
			report = Report{Kind: Log, Time: time.Now().UTC(), Level: "WARN", Reason: lines.Text()}
		}
		handle(report)
	}
	return lines.Err()
}
