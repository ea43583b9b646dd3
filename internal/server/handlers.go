package server

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"rostrum/internal/admin"
	"rostrum/internal/api"
	"rostrum/internal/authority"
	"rostrum/internal/bucket"
	"rostrum/internal/channel"
	"rostrum/internal/config"
	"rostrum/internal/console"
	"rostrum/internal/inbound"
	"rostrum/internal/proxy"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/web"
	"rostrum/internal/wire"
)

// newHandlers builds the handler of the public address, and that of the admin address. They
// are one handler unless there is an admin address.
func newHandlers(serving context.Context, b *base, l *listeners, st *store.Store, r *runtime, console *console.Server) (forClients, forOperators http.Handler) {
	s, log := b.settings, b.log
	b.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), r.realtime,
		admin.Media(l.engine.Stats), admin.Listeners(l.stats), admin.Stages(r.stages.Counts), admin.Compositions(r.compositions.Stats), admin.Channels(r.channels.Stats))
	clients := http.NewServeMux()
	handle := func(part, pattern string, h http.Handler) { clients.Handle(pattern, b.panics.Handler(part, h)) }
	handle("whip", "/whip", r.participants)
	handle("whip", "/whip/", r.participants)
	handle("events", "/events", r.participants)
	handle("events", "/events/", r.participants)
	handle("hls", channel.PlaybackPath, r.playback())
	handle("pages", "GET "+web.StagePath, web.Stage(l.endpoint))
	handle("pages", "GET "+web.PlayerPath, web.Player(l.endpoint))
	handle("pages", "GET "+web.SDKPath, web.SDK())
	serveRecordings := web.Recordings
	if s.S3Endpoint != "" {
		serveRecordings = web.RemoteRecordings
	}
	handle("recordings", web.RecordingsPath, serveRecordings(func(region, name string) (bucket.Bucket, error) {
		return r.recordings.buckets(cmp.Or(region, string(s.Region)), name)
	}, r.recordings.links))
	handle("console", "GET "+web.ConsolePath, web.Console(l.endpoint))
	for _, pattern := range console.Patterns() {
		handle("console", pattern, console)
	}
	operations := api.New(r.plane, api.Config{
		Anyone: s.Auth == "none", Session: console.Authenticate, PublicURL: l.endpoint, Origins: origins(s, l.endpoint), Panics: b.panics, Log: log, Metrics: b.metrics, Stopping: serving.Done(),
	})
	clients.Handle("/", operations)
	clients.Handle("GET /{$}", homePage(operations))
	health := admin.Health(
		func(name string, err error) { log.Warn("not ready", "part", name, "error", err) },
		map[string]admin.Check{"server": checkStopping(serving), "store": st.Check})
	clients.Handle("GET /healthz", health)
	clients.Handle("GET /readyz", health)
	operators := clients
	if s.AdminListen != "" {
		operators = http.NewServeMux()
		operators.Handle("/debug/pprof/", admin.Profiles())
	}
	if s.AdminListen != "" || !s.IsPublic() {
		operators.Handle("GET /metrics", admin.Metrics(b.metrics))
	} else {
		log.Info("metrics are not served at a public address: set admin_listen", "example", "127.0.0.1:7082")
	}
	if s.Auth == "none" {
		return inbound.RequireHost(clients, publicName(l.endpoint)), operators
	}
	return clients, operators
}

// playback serves the HLS of channels, also of those that are live on another node.
func (r *runtime) playback() http.Handler {
	if r.proxy == nil {
		return r.channels
	}
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !proxy.IsForwarded(q) && (q.Method == http.MethodGet || q.Method == http.MethodHead) {
			if to := r.channels.PlaysElsewhere(q.Context(), q.URL.Path); to != nil {
				r.proxy.Forward(w, q, *to, func(error) {
					w.Header().Set("Access-Control-Allow-Origin", "*")
					w.Header().Set("Retry-After", "1")
					http.Error(w, "the node of the channel does not answer", http.StatusServiceUnavailable)
				})
				return
			}
		}
		r.channels.ServeHTTP(w, q)
	})
}

// origins are the web origins that may call the server, those of its own pages included: a
// proxy may have changed the Host header by which they are recognised.
func origins(s *config.Settings, endpoint string) *inbound.Origins {
	if s.CORSOrigins.Any() || len(s.CORSOrigins) == 0 && s.Auth != "none" {
		return &inbound.Origins{Any: true}
	}
	allowed := &inbound.Origins{Loopback: len(s.CORSOrigins) == 0, List: s.CORSOrigins}
	if own, err := url.Parse(endpoint); err == nil {
		allowed.List = append(slices.Clip(allowed.List), own.Scheme+"://"+own.Host)
	}
	return allowed
}

// publicName is the host of the endpoint.
func publicName(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// turnCredentialTTL is how long TURN credentials are valid.
const turnCredentialTTL = time.Hour

// iceServers returns the engine's STUN and TURN servers for a participant.
func iceServers(engine *sfu.Engine) func(authority.Grant) []wire.ICEServer {
	return func(g authority.Grant) []wire.ICEServer {
		var all []wire.ICEServer
		if here := engine.Candidates(); len(here) > 0 {
			all = append(all, wire.ICEServer{URL: "stun:" + here[0].Addr.String()})
		}
		for _, server := range engine.TURNServers(g.ParticipantID, turnCredentialTTL) {
			all = append(all, wire.ICEServer(server))
		}
		return all
	}
}

// checkStopping fails once the server stops.
func checkStopping(serving context.Context) admin.Check {
	return func(context.Context) error { return serving.Err() }
}
