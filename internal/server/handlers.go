package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"rostrum/internal/admin"
	"rostrum/internal/api"
	"rostrum/internal/authority"
	"rostrum/internal/channel"
	"rostrum/internal/config"
	"rostrum/internal/inbound"
	"rostrum/internal/sfu"
	"rostrum/internal/signaling"
	"rostrum/internal/web"
)

// doors opens what clients reach and what operators reach. They are one unless
// operators have an address of their own.
func newHandlers(serving context.Context, s *config.Settings, at *listeners, kept *storage, live *runtime, log *slog.Logger) (forClients, forOperators http.Handler) {
	counted := kept.metrics
	counted.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), live.realtime,
		admin.Media(at.engine.Stats), admin.Listeners(at.stats), admin.Stages(live.stages.Counts), admin.Compositions(live.compositions.Stats), admin.Channels(live.channels.Stats))
	clients := http.NewServeMux()
	handle := func(part, pattern string, h http.Handler) { clients.Handle(pattern, kept.panics.Handler(part, h)) }
	handle("whip", "/whip", live.participants)
	handle("whip", "/whip/", live.participants)
	handle("events", "/events/", live.participants)
	handle("hls", channel.PlaybackPath, live.channels)
	handle("pages", "GET "+web.StagePath, web.Stage(at.endpoint))
	handle("pages", "GET "+web.PlayerPath, web.Player(at.endpoint))
	if s.S3Endpoint == "" {
		handle("recordings", web.RecordingsPath, web.Recordings(live.recordings.buckets, live.recordings.links))
	}
	clients.Handle("/", api.New(live.plane, api.Config{Anyone: s.Auth == "none", PublicURL: at.endpoint, Origins: origins(s), Panics: kept.panics, Log: log, Metrics: counted, Stopping: serving.Done()}))
	health := admin.Health(
		func(name string, err error) { log.Warn("not ready", "part", name, "error", err) },
		map[string]admin.Check{"server": checkStopping(serving), "store": kept.store.Check})
	clients.Handle("GET /healthz", health)
	clients.Handle("GET /readyz", health)
	operators := clients
	if s.AdminListen != "" {
		operators = http.NewServeMux()
		operators.Handle("/debug/pprof/", admin.Profiles())
	}
	if s.AdminListen != "" || !s.IsPublic() {
		operators.Handle("GET /metrics", admin.Metrics(counted))
	} else {
		log.Info("metrics are not served at an address that others reach: admin_listen gives them one of their own", "example", "127.0.0.1:7082")
	}
	if s.Auth == "none" {
		return inbound.RequireHost(clients, publicName(at.endpoint)), operators
	}
	return clients, operators
}

// origins are the pages that may call the server.
func origins(s *config.Settings) *inbound.Origins {
	switch {
	case s.CORSOrigins.Any(), len(s.CORSOrigins) == 0 && s.Auth != "none":
		return &inbound.Origins{Any: true}
	case len(s.CORSOrigins) == 0:
		return &inbound.Origins{Loopback: true}
	}
	return &inbound.Origins{List: s.CORSOrigins}
}

// publicName is the host of the endpoint.
func publicName(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// relayLife is how long credentials for TURN can be used to begin with.
const turnCredentialTTL = time.Hour

// relays tells participants of the engine's own STUN and TURN servers.
func iceServers(engine *sfu.Engine) func(authority.Grant) []signaling.ICEServer {
	return func(g authority.Grant) []signaling.ICEServer {
		var all []signaling.ICEServer
		if here := engine.Candidates(); len(here) > 0 {
			all = append(all, signaling.ICEServer{URL: "stun:" + here[0].Addr.String()})
		}
		for _, r := range engine.TURNServers(g.ParticipantID, turnCredentialTTL) {
			all = append(all, signaling.ICEServer(r))
		}
		return all
	}
}

func checkStopping(serving context.Context) admin.Check {
	return func(context.Context) error { return serving.Err() }
}
