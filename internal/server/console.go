package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/console"
	"rostrum/internal/doctor"
	"rostrum/internal/recording"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/web"
	"rostrum/ivsrealtime"
)

// newConsole makes the server of the console's sessions and figures.
func newConsole(b *base, l *listeners, st *store.Store, r *runtime, ring *console.LogRing, stopping <-chan struct{}) *console.Server {
	s := b.settings
	c := console.New(r.plane, console.Config{
		PublicURL: l.endpoint, Region: string(s.Region), Account: string(s.Account), Log: b.log, Stopping: stopping, RTMPS: l.rtmp.secure != nil,
		Recordings: console.Recordings{
			Buckets: r.recordings.buckets,
			Address: func(region, bucket, prefix string, expires time.Time) string {
				return RecordingLink{bucket, prefix, recording.PlaylistName}.address(r.recordings.links, s, region, expires)
			},
		},
		Store: st, LogRing: ring, Figures: newFigures(s, st, r).read,
		Settings: func() any { return settingsInForce(s) },
		Examine:  func(ctx context.Context) any { return doctor.Examine(ctx, s) },
	})
	b.closeLater(c)
	return c
}

// A setting is one of the settings in force, for the console.
type setting struct {
	Key string `json:"key"`
	config.Value
}

func settingsInForce(s *config.Settings) []setting {
	all := []setting{}
	for _, v := range s.Effective() {
		all = append(all, setting{v.Key, v})
	}
	return all
}

// homePage sends browsers to the console, and passes all other requests of "/" on.
func homePage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept")
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, web.ConsolePath, http.StatusFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// maxBusiest bounds the live stages that the console's overview lists.
const maxBusiest = 10

// figures reads what the console's overview shows.
type figures struct {
	settings *config.Settings
	store    *store.Store
	runtime  *runtime
	started  time.Time
	process  process
}

func newFigures(s *config.Settings, st *store.Store, r *runtime) *figures {
	return &figures{settings: s, store: st, runtime: r, started: time.Now(), process: newProcess()}
}

func (f *figures) read() console.Figures {
	r, limits := f.runtime, f.settings.Limits
	now := console.Figures{At: time.Now().UTC(), Started: f.started.UTC(), CPUs: sfu.Processors(), Compositions: len(r.compositions.Stats())}
	f.addStages(&now)
	f.addNodes(&now)
	for _, s := range r.realtime.Samples() {
		addMedia(&now, s)
	}
	recordings := r.recorder.Stats()
	now.Recordings = recordings.Recordings[ivsrealtime.RecordingStarting] + recordings.Recordings[ivsrealtime.RecordingActive]
	now.Waiting, now.WaitingBytes = recordings.SpoolFiles, recordings.SpoolBytes
	now.CPUSeconds, now.Memory = f.process.usage()
	now.Quotas = []console.Quota{
		{Name: "Publishers", Used: now.Publishers, Limit: limits.Publishers},
		{Name: "Subscriptions", Used: now.Subscriptions, Limit: limits.Subscriptions},
		{Name: "Compositions", Used: now.Compositions, Limit: limits.Compositions},
	}
	return now
}

// addStages adds the counts of the live stages.
func (f *figures) addStages(now *console.Figures) {
	live := slices.DeleteFunc(f.runtime.stages.Counts(), func(c stage.Counts) bool { return c.Participants == 0 })
	for _, c := range live {
		now.Stages++
		now.Participants += c.Participants
		now.Publishers += c.Publishers
	}
	slices.SortFunc(live, func(a, b stage.Counts) int {
		if a.Participants != b.Participants {
			return b.Participants - a.Participants
		}
		return strings.Compare(a.StageID, b.StageID)
	})
	for _, c := range live[:min(len(live), maxBusiest)] {
		now.Busiest = append(now.Busiest, console.StageFigures{ID: c.StageID, Participants: c.Participants, Publishers: c.Publishers, Subscribers: c.Subscribers})
	}
}

// storeTimeout bounds reading the nodes, so that the figures go on while the store fails.
const storeTimeout = 500 * time.Millisecond

// addNodes adds the nodes that share the store, those that are dead left out.
func (f *figures) addNodes(now *console.Figures) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	var nodes []store.Node
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		nodes, err = tx.Nodes()
		return err
	})
	if err != nil {
		nodes = []store.Node{{ID: f.runtime.node.ID(), Started: f.started, Seen: now.At}}
	}
	for _, n := range nodes {
		if !n.Started.IsZero() {
			now.Nodes = append(now.Nodes, console.NodeFigures{ID: n.ID, Started: n.Started.UTC(), Seen: n.Seen.UTC(), Own: n.ID == f.runtime.node.ID()})
		}
	}
}

// addMedia adds the bitrates of a live stage.
func addMedia(now *console.Figures, s stage.MediaSample) {
	now.Subscriptions += len(s.Receivers)
	for _, p := range s.Publishers {
		for _, t := range p.Tracks {
			for _, l := range t.Layers {
				now.BitsIn += int(l.Bitrate)
			}
		}
	}
	for _, r := range s.Receivers {
		for _, u := range r.Subscriptions {
			now.BitsOut += u.Bitrate
		}
	}
}
