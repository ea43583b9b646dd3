package server

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"

	"rostrum/internal/admin"
	"rostrum/internal/authority"
	"rostrum/internal/bus"
	"rostrum/internal/channel"
	"rostrum/internal/composition"
	"rostrum/internal/config"
	"rostrum/internal/control"
	"rostrum/internal/node"
	"rostrum/internal/proxy"
	"rostrum/internal/quality"
	"rostrum/internal/recorder"
	"rostrum/internal/relay"
	"rostrum/internal/signaling"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/worker"
)

// runtime is what is live, and the operations on it.
type runtime struct {
	plane        *control.Plane
	node         *node.Node
	proxy        *proxy.Proxy // nil where there are no other nodes, like bus
	bus          *bus.Bus
	relay        *relay.Relay // like bus
	stages       *stage.Registry
	participants *signaling.Server
	channels     *channel.Registry
	transcoder   *worker.Streams
	recordings   *recordingStorage
	recorder     *recorder.Participants
	compositions *composition.Registry
	realtime     *admin.Realtime
	quality      *quality.History // nil if none is kept
}

// openRuntime opens what is live, and cleans up what a process before this one left open.
func openRuntime(ctx context.Context, b *base, l *listeners, st *store.Store) (r *runtime, err error) {
	s := b.settings
	plain, secure := l.rtmp.urls(l.endpoint)
	authority, err := authority.New(ctx, st, authority.Config{PublicURL: l.endpoint, RTMPURL: plain, RTMPSURL: secure, AnyNode: l.nodes != nil})
	if err != nil {
		return nil, err
	}
	r = &runtime{}
	if err := r.openNode(ctx, b, l, st); err != nil {
		return nil, err
	}
	if r.recordings, err = openRecordingStorage(ctx, s, st); err != nil {
		return nil, err
	}
	b.closeLater(r.recordings)
	thumbnailer := worker.NewThumbnailer(worker.Config{Program: worker.FindProgram(), Memory: thumbnailerMemory, Private: r.private(s), Log: b.log})
	b.closeLater(thumbnailer)
	videoTranscoder := worker.NewVideoTranscoder(worker.Config{Program: worker.FindProgram(), Memory: videoTranscoderMemory, Private: r.private(s), Log: b.log})
	b.closeLater(videoTranscoder)
	if r.recorder, err = newParticipantRecorder(b, st, r, thumbnailer, videoTranscoder); err != nil {
		return nil, err
	}
	b.closeLater(r.recorder)
	stages := stage.Config{Bus: r.bus, Relay: r.relay, Limits: s.Limits.StageLimits(), Recorder: r.recorder, Log: b.log}
	if s.QualityAge > 0 {
		r.quality = quality.NewHistory(st, quality.Config{Age: s.QualityAge, NodeID: r.node.ID(), Bus: r.bus, Log: b.log})
		stages.Quality = r.quality
	}
	r.stages = stage.NewRegistry(st, l.engine, authority, r.node, stages)
	participants := signaling.Config{ICEServers: iceServers(l.engine), WHIPNeedsVideo: s.WHIPNeedsVideo, Origins: origins(s, l.endpoint), Panics: b.panics, Metrics: b.metrics, Log: b.log}
	if r.proxy != nil {
		participants.Forward = r.proxy.Forward
	}
	r.participants = signaling.New(r.stages, authority, participants)
	r.realtime = admin.NewRealtime(r.stages.Counts, r.stages.MediaSamples)
	// Parts close in reverse order: first the compositions, then the stages that they are on,
	// and last the connections that tell participants why.
	b.closeLater(r.participants, r.stages)
	if r.channels, err = newChannels(b, st, r, l.rtmp, l.endpoint); err != nil {
		return nil, err
	}
	b.closeLater(r.channels)
	r.transcoder = worker.NewTranscoder(worker.Config{Program: worker.FindProgram(), Memory: transcoderMemory, Private: r.private(s), Log: b.log})
	b.closeLater(r.transcoder)
	if r.compositions, err = newCompositions(b, l, st, authority, r); err != nil {
		return nil, err
	}
	b.closeLater(r.compositions)
	if err := r.node.Recover(ctx); err != nil {
		return nil, err
	}
	r.plane, err = control.New(ctx, control.Parts{
		Store: st, Authority: authority, Live: r.stages, Channels: r.channels, Compositions: r.compositions, Buckets: r.recordings.buckets, Quality: r.quality, Log: b.log,
	}, s.Limits.Limits)
	return r, err
}

// openNode makes this process a node of the store, and opens its way to the others.
func (r *runtime) openNode(ctx context.Context, b *base, l *listeners, st *store.Store) (err error) {
	at := store.NodeAddress{Public: l.endpoint, Internal: l.nodeAddress, Version: b.settings.Version}
	if r.node, err = node.Open(ctx, st, node.Config{Shared: l.nodes != nil, Address: at, Log: b.log}); err != nil {
		return err
	}
	b.closeLater(r.node)
	if l.nodes == nil {
		return nil
	}
	key, err := st.DeriveKey("proxy")
	if err != nil {
		return err
	}
	r.bus = bus.New(r.node.ID(), b.log)
	if r.proxy, err = proxy.New(proxy.Config{Key: key, NodeID: r.node.ID(), Public: l.endpoint, Receive: r.bus.Receive, Log: b.log}); err != nil {
		return err
	}
	b.closeLater(r.proxy)
	r.bus.Connect(func(ctx context.Context, id, subject string, data []byte) ([]byte, error) {
		to, err := findNode(ctx, st, id)
		if err != nil {
			return nil, err
		}
		return r.proxy.Send(ctx, *to, subject, data)
	})
	r.relay = relay.New(relay.Config{NodeID: r.node.ID(), Conn: l.relay, Address: l.relayAddress, Bus: r.bus, Log: b.log})
	b.closeLater(r.relay)
	b.metrics.MustRegister(admin.Relay(r.relay.Stats))
	return nil
}

func findNode(ctx context.Context, st *store.Store, id string) (found *store.Node, err error) {
	err = st.Read(ctx, func(tx *store.Tx) error {
		found, err = tx.Node(id)
		return err
	})
	if err == nil && found == nil {
		err = fmt.Errorf("node %s has ended", id)
	}
	return found, err
}

// private are the files and folders that a media worker may not read.
func (r *runtime) private(s *config.Settings) []string {
	return []string{r.recordings.folder, s.Config, s.TLSKey}
}

// These bound a process that decodes the video of participants, in bytes.
const (
	thumbnailerMemory     = 2 << 30
	videoTranscoderMemory = 3 << 30
)

// transcoderMemory bounds a process that transcodes the audio of encoders, in bytes.
const transcoderMemory = 512 << 20

// newChannels makes the registry of channels. Encoders reach them at l, viewers at the
// endpoint.
func newChannels(b *base, st *store.Store, r *runtime, l rtmpListeners, endpoint string) (*channel.Registry, error) {
	s := b.settings
	cfg := channel.Config{
		Public: endpoint, Streams: s.Limits.Streams, Pixels: s.Limits.StreamPixels, Bitrate: s.Limits.StreamBitrate,
		PushPrivate: s.PushPrivate, Bus: r.bus, Panics: b.panics, Log: b.log,
	}
	public, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	if l.plain != nil {
		cfg.Ingest, cfg.Local = advertisedAddress(l.plain, public.Hostname()), advertisedAddress(l.plain, "127.0.0.1")
	}
	if l.secure != nil {
		cfg.Ingest = l.secureAddress(public.Hostname())
		if host, port, err := net.SplitHostPort(cfg.Ingest); err == nil && port == "443" {
			cfg.Ingest = host
		}
	}
	return channel.NewRegistry(st, r.node, cfg), nil
}

// newCompositions makes the registry of compositions.
func newCompositions(b *base, l *listeners, st *store.Store, a *authority.Authority, r *runtime) (*composition.Registry, error) {
	spool, err := r.recordings.spool("spool")
	if err != nil {
		return nil, err
	}
	s := b.settings
	idle := s.Limits.CompositionIdle
	if idle == 0 { // no limit
		idle = math.MaxInt64
	}
	program := worker.FindProgram()
	if what, complete := worker.Sandbox(); program != "" && !complete {
		b.log.Warn("media workers are confined in part only", "reason", what)
	} else if program != "" {
		b.log.Info("media workers are confined", "how", what)
	}
	return composition.NewRegistry(composition.Parts{
		Store: st, Authority: a, Buckets: r.recordings.buckets, Channels: r.channels, Node: r.node, Spool: spool,
	}, composition.Config{
		Program: program, WorkerPorts: workerPorts(l), Certificates: trusted(l.certificates, l.endpoint), Private: r.private(s), IdleTimeout: idle, MaxDuration: s.Limits.CompositionDuration,
		UploadRetry: s.SpoolAge, MaxSpoolBytes: s.SpoolBytes, Log: b.log,
	}), nil
}

// workerPorts are those by which a worker receives media by TCP: the media port, and TURN's.
func workerPorts(l *listeners) []uint16 {
	ports := []uint16{l.engine.Port()}
	if _, port, err := net.SplitHostPort(l.turnAddress); err == nil {
		if number, err := strconv.ParseUint(port, 10, 16); err == nil {
			ports = append(ports, uint16(number))
		}
	}
	return ports
}
