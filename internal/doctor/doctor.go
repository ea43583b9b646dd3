package doctor

import (
	"context"
	"time"

	"rostrum/internal/config"
)

// Examine checks everything that serve needs.
func Examine(ctx context.Context, s *config.Settings) []Finding {
	var all []Finding
	r := findRunning(ctx, s)
	all = append(all, checkSafety(s), checkListen(ctx, s, r), checkMediaPort(ctx, s, r), checkPublicIPs(ctx, s))
	if s.AdminListen != "" {
		all = append(all, checkAddress(ctx, r, "admin address", "admin_listen", s.AdminListen))
	}
	if !s.Ephemeral {
		all = append(all, checkFolder(s.DataDir))
	}
	if s.RTMPListen != "" {
		all = append(all, checkRTMP(ctx, s, r))
	}
	for _, extra := range []struct {
		check, key string
		at         config.Address
	}{{"RTMPS address", "rtmps_listen", s.RTMPSListen}, {"TURN address", "turns_listen", s.TURNSListen}} {
		if extra.at != "" {
			all = append(all, checkAddress(ctx, r, extra.check, extra.key, extra.at))
		}
	}
	if s.TLSCert != "" {
		all = append(all, checkCertificate(s, time.Now()))
	}
	all = append(all, checkDomains(ctx, s, r.own)...)
	all = append(all, checkReach(ctx, s, r.own)...)
	all = append(all, checkCompositions(ctx), checkSandbox())
	all = append(all, checkSystem()...)
	return all
}

// checkSafety checks what serve refuses.
func checkSafety(s *config.Settings) Finding {
	if err := s.CheckSafety(); err != nil {
		return Finding{Check: "safety", State: Broken, Found: err.Error()}
	}
	if s.Insecure && !s.Listen.IsLoopback() {
		return Finding{"safety", Warning, "insecure is set and other machines can reach " + string(s.Listen), "make sure that a proxy terminates TLS"}
	}
	return Finding{Check: "safety", State: OK, Found: "other machines can reach nothing unsafe"}
}
