package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"rostrum/internal/config"
)

// A condition is how serious a finding is.
type State string

const (
	OK      State = "ok"
	Warning State = "warning" // serve works, but less well than it could
	Broken  State = "broken"  // serve would not start, or clients would fail
	Unknown State = "unknown" // can't be told on this system
)

// A finding is the result of one check.
type Finding struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"` // the setting to change
}

// examine checks all that serve needs.
func Examine(ctx context.Context, s *config.Settings) []Finding {
	var all []Finding
	all = append(all, checkSafety(s), checkAddress(ctx, "HTTP address", "listen", s.Listen))
	all = append(all, checkMediaPort(ctx, s), checkPublicIPs(ctx, s))
	if s.AdminListen != "" {
		all = append(all, checkAddress(ctx, "admin address", "admin_listen", s.AdminListen))
	}
	if !s.Ephemeral {
		all = append(all, checkFolder(s.DataDir))
	}
	if s.RTMPListen != "" {
		all = append(all, checkRTMP(ctx, s))
	}
	for _, extra := range []struct {
		check, key string
		at         config.Address
	}{{"RTMPS address", "rtmps_listen", s.RTMPSListen}, {"TURN address", "turns_listen", s.TURNSListen}} {
		if extra.at != "" {
			all = append(all, checkExtra(ctx, s, extra.check, extra.key, extra.at))
		}
	}
	if s.TLSCert != "" {
		all = append(all, checkCertificate(s, time.Now()))
	}
	all = append(all, checkDomains(ctx, s)...)
	all = append(all, checkReach(ctx, s)...)
	all = append(all, checkCompositions(ctx))
	all = append(all, checkSystem()...)
	return all
}

// describe writes one line for each finding, and one for its remedy.
func Describe(w io.Writer, all []Finding) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range all {
		fmt.Fprintf(tab, "%s\t%s\t%s\n", f.State, f.Check, f.Found)
		if f.Remedy != "" {
			fmt.Fprintf(tab, "\t\t→ %s\n", f.Remedy)
		}
	}
	_ = tab.Flush()
}

func checkSafety(s *config.Settings) Finding {
	if err := s.CheckSafety(); err != nil {
		return Finding{Check: "safety", State: Broken, Found: err.Error()}
	}
	if s.Insecure && !s.Listen.IsLoopback() {
		return Finding{"safety", Warning, "insecure is set and others can reach " + string(s.Listen), "make sure that something before it speaks TLS"}
	}
	return Finding{Check: "safety", State: OK, Found: "nothing unsafe is offered to others"}
}

// examineAddress tells whether an address can be bound, or has a Rostrum on it.
func checkAddress(ctx context.Context, check, key string, at config.Address) Finding {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", string(at))
	if err == nil {
		_ = l.Close()
		return Finding{Check: check, State: OK, Found: string(at) + " is free"}
	}
	if serverRuns(ctx, at) {
		return Finding{Check: check, State: OK, Found: "a Rostrum serves at " + string(at)}
	}
	if errors.Is(err, os.ErrPermission) {
		return Finding{check, Broken, err.Error(), "give it the right to ports below 1024 (CAP_NET_BIND_SERVICE), or set " + key + " to another"}
	}
	return Finding{check, Broken, err.Error(), "free the address, or set " + key + " to another"}
}

// examineExtra is examineAddress for one that doesn't speak HTTP: when it is taken while a
// Rostrum serves here, it is taken by that.
func checkExtra(ctx context.Context, s *config.Settings, check, key string, at config.Address) Finding {
	f := checkAddress(ctx, check, key, at)
	if f.State == Broken && serverRuns(ctx, s.Listen) {
		return Finding{Check: check, State: OK, Found: string(at) + " is in use, by the Rostrum that serves here"}
	}
	return f
}

// examineRTMP tells whether encoders can knock. serve does without where nobody chose the
// address and another program has it.
func checkRTMP(ctx context.Context, s *config.Settings) Finding {
	f := checkExtra(ctx, s, "RTMP address", "rtmp_listen", s.RTMPListen)
	if f.State == Broken && !s.IsSet("rtmp_listen") {
		return Finding{f.Check, Warning, f.Found + ": there will be no RTMP", f.Remedy}
	}
	return f
}

// examineMediaPort tells whether media can be received, by UDP and by TCP.
func checkMediaPort(ctx context.Context, s *config.Settings) Finding {
	const check = "media port"
	addrs, err := s.MediaAddresses(ctx)
	var free []string
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, uint16(s.MediaPort)).String()
		if err = tryListen(ctx, at); err != nil {
			break
		}
		free = append(free, at)
	}
	if err == nil {
		return Finding{Check: check, State: OK, Found: strings.Join(free, ", ") + " free, UDP and TCP"}
	}
	if serverRuns(ctx, s.Listen) {
		return Finding{Check: check, State: OK, Found: fmt.Sprintf("%d is in use, by the Rostrum that serves here", s.MediaPort)}
	}
	return Finding{check, Broken, err.Error(), "free the port, or set media_port to another"}
}

// tryBoth listens at an address, by UDP and by TCP, for a moment.
func tryListen(ctx context.Context, at string) error {
	var config net.ListenConfig
	network := "4"
	if strings.HasPrefix(at, "[") {
		network = "6" // "::" beside "0.0.0.0" is not the same port twice
	}
	udp, err := config.ListenPacket(ctx, "udp"+network, at)
	if err != nil {
		return err
	}
	defer udp.Close()
	tcp, err := config.Listen(ctx, "tcp"+network, at)
	if err != nil {
		return err
	}
	return tcp.Close()
}

// examinePublicIPs tells whether the advertised addresses lead here.
func checkPublicIPs(ctx context.Context, s *config.Settings) Finding {
	const check = "public addresses"
	if at, err := s.MediaAddresses(ctx); err == nil {
		if promise := s.LoopbackConflict(at); promise != "" {
			return Finding{check, Broken, promise + " is for others, and media are received on loopback alone", config.LoopbackRemedy}
		}
	}
	if len(s.PublicIP) == 0 {
		if s.Listen.IsLoopback() && len(s.MediaListen) == 0 {
			return Finding{Check: check, State: OK, Found: "media are offered to this machine alone"}
		}
		return checkOwnAddresses(s, check)
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	for _, ip := range s.PublicIP {
		if !slices.ContainsFunc(own, func(a net.Addr) bool { p, err := netip.ParsePrefix(a.String()); return err == nil && p.Addr() == ip }) {
			return Finding{check, Warning, ip.String() + " is no address of this machine", fmt.Sprintf("see that what stands before it hands on UDP and TCP port %d, or correct public_ip", s.MediaPort)}
		}
	}
	return Finding{Check: check, State: OK, Found: s.PublicIP.String() + " is of this machine"}
}

// examineOwnAddresses tells whether clients beyond this network reach what is offered
// when nothing says otherwise: the machine's own addresses.
func checkOwnAddresses(s *config.Settings, check string) Finding {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return Finding{Check: check, State: Unknown, Found: err.Error()}
	}
	var own []netip.Addr
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	if allPrivate(own) {
		return Finding{check, Warning, "this machine's own are offered, and all are private: clients of other networks reach none",
			"set public_ip to the address that they see, unless all clients are of this network"}
	}
	return Finding{Check: check, State: OK, Found: "this machine's own are offered"}
}

// sharedSpace is what carriers put their customers into (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// behindNAT tells whether none of a machine's addresses is reached from the internet.
func allPrivate(own []netip.Addr) bool {
	return !slices.ContainsFunc(own, func(a netip.Addr) bool {
		return a.IsGlobalUnicast() && !a.IsPrivate() && !carrierNAT.Contains(a)
	})
}

func serverRuns(ctx context.Context, at config.Address) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, scheme := range []string{"http", "https"} {
		if probeHTTP(ctx, scheme+"://"+string(at)+"/healthz") == nil {
			return true
		}
	}
	return false
}

// examineFolder tells whether the data folder can be written. It leaves no trace:
// a folder that serve would create is not created.
func checkFolder(folder string) Finding {
	const check = "data folder"
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Finding{Check: check, State: OK, Found: folder + " will be made at the first start"}
	case err != nil:
		return Finding{check, Broken, err.Error(), "set data_dir to a folder that can be read"}
	case !info.IsDir():
		return Finding{check, Broken, folder + " is not a folder", "set data_dir to another"}
	}
	probe, err := os.CreateTemp(folder, "doctor-*")
	if err != nil {
		return Finding{check, Broken, err.Error(), "let this user write there, or set data_dir to another folder"}
	}
	defer os.Remove(probe.Name())
	if err := errors.Join(probe.Sync(), probe.Close()); err != nil {
		return Finding{check, Broken, err.Error(), "set data_dir to a folder on a disk that works"}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Finding{check, Warning, folder + " can be read by other users of this machine", "chmod 700 " + folder}
	}
	return Finding{Check: check, State: OK, Found: folder + " can be written"}
}

// soon is how long before its end a certificate is worth a warning.
const expiryWarning = 14 * 24 * time.Hour

func checkCertificate(s *config.Settings, now time.Time) Finding {
	const check = "TLS certificate"
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return Finding{check, Broken, err.Error(), "set tls_cert and tls_key to a pair of PEM files"}
	}
	leaf := pair.Leaf
	end := leaf.NotAfter.Format(time.DateOnly)
	switch {
	case now.After(leaf.NotAfter):
		return Finding{check, Broken, "it expired on " + end, "renew it"}
	case now.Before(leaf.NotBefore):
		return Finding{check, Broken, "it is not valid before " + leaf.NotBefore.Format(time.DateOnly), "check the clock"}
	}
	if u, err := url.Parse(string(s.PublicURL)); err == nil && u.Hostname() != "" {
		if err := leaf.VerifyHostname(u.Hostname()); err != nil {
			return Finding{check, Broken, err.Error(), "set public_url to a name of the certificate"}
		}
	}
	if now.Add(expiryWarning).After(leaf.NotAfter) {
		return Finding{check, Warning, "it expires on " + end, "renew it"}
	}
	return Finding{Check: check, State: OK, Found: "it is good until " + end}
}
