package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"rostrum/ivsrealtime"
)

const (
	// liveInterval is the time between two figures of a live stream.
	liveInterval = 2 * time.Second
	// figuresTTL is how long figures are shown to all streams before they are read again.
	figuresTTL = time.Second
	// liveWriteTimeout bounds one write to a stream.
	liveWriteTimeout = 10 * time.Second
	// maxLiveStreams bounds the open streams.
	maxLiveStreams = 200
)

// Figures are what the overview shows of this node.
type Figures struct {
	At            time.Time      `json:"at"`
	Started       time.Time      `json:"started"`
	Stages        int            `json:"stages"` // live
	Participants  int            `json:"participants"`
	Publishers    int            `json:"publishers"`
	Subscriptions int            `json:"subscriptions"`
	BitsIn        int            `json:"bitsIn"`  // per second
	BitsOut       int            `json:"bitsOut"` // per second
	Compositions  int            `json:"compositions"`
	Recordings    int            `json:"recordings"`   // that are made now
	Waiting       int            `json:"waitingFiles"` // files of recordings that wait for upload
	WaitingBytes  int64          `json:"waitingBytes"` // of those
	CPUSeconds    float64        `json:"cpuSeconds"`   // used since the start
	CPUs          int            `json:"cpus"`         // of the machine
	Memory        int64          `json:"memory"`       // bytes
	Quotas        []Quota        `json:"quotas"`       // of the account, as far as this node uses them
	Busiest       []StageFigures `json:"busiest"`      // live stages with the most participants
	Nodes         []NodeFigures  `json:"nodes"`        // that share the database
}

// NodeFigures are those of one node.
type NodeFigures struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"` // its last heartbeat
	Own     bool      `json:"own"`  // the node that answers
}

// A Quota is how much of a quota is used.
type Quota struct {
	Name  string `json:"name"`
	Used  int    `json:"used"`
	Limit int    `json:"limit"` // 0 for none
}

// StageFigures are those of one live stage.
type StageFigures struct {
	ID           string `json:"id"`
	Participants int    `json:"participants"`
	Publishers   int    `json:"publishers"`
	Subscribers  int    `json:"subscribers"`
}

// A figuresCache reads figures once for all streams.
type figuresCache struct {
	read func() Figures

	mu     sync.Mutex // guards what follows
	text   []byte
	readAt time.Time
	open   int // streams
}

// current returns the figures as JSON.
func (c *figuresCache) current() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.text != nil && time.Since(c.readAt) < figuresTTL {
		return c.text, nil
	}
	text, err := json.Marshal(c.read())
	if err != nil {
		return nil, err
	}
	c.text, c.readAt = text, time.Now()
	return text, nil
}

// acquire counts a stream, if one more may be open.
func (c *figuresCache) acquire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= maxLiveStreams {
		return false
	}
	c.open++
	return true
}

func (c *figuresCache) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

// live streams the figures of this node as server-sent events (HTML Standard §9.2), until
// the browser disconnects, the session ends or the server stops.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	session, caller, err := s.caller(r)
	if err == nil && !s.seesNode(caller) {
		err = ivsrealtime.Errorf(ivsrealtime.AccessDenied, "The figures of the server are shown to access keys of its own account without policies.")
	}
	if err == nil && !s.figures.acquire() {
		err = ivsrealtime.Errorf(ivsrealtime.Throttling, "at most %d pages may watch at once", maxLiveStreams)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	defer s.figures.release()
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the deadline is for reading requests
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	tick := time.NewTicker(liveInterval)
	defer tick.Stop()
	for {
		text, err := s.figures.current()
		if err != nil {
			s.log.Error("figures of the console", "error", err)
			return
		}
		_ = out.SetWriteDeadline(time.Now().Add(liveWriteTimeout)) // an error means that the writer has no deadline
		abort := context.AfterFunc(session.live, func() { _ = out.SetWriteDeadline(time.Now()) })
		_, err = fmt.Fprintf(w, "data: %s\n\n", text)
		err = errors.Join(err, out.Flush())
		abort()
		if err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-session.live.Done():
			return
		case <-r.Context().Done():
			return
		case <-s.config.Stopping:
			return
		}
		if current, err := s.plane.Renew(r.Context(), caller); err != nil || !s.seesNode(current) {
			return
		}
	}
}
