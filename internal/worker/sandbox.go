package worker

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rostrum/internal/token"
)

// A sandbox is what a worker may reach of the machine. It decodes input of strangers, so
// it gets no more than its job needs, where the kernel can enforce that.
type sandbox struct {
	read  []string // files, and folders with all below
	write []string // the same, to be changed too
	ports []uint16 // that it may connect to by TCP
}

// systemFiles are what programs and their libraries read: code, certificates of authorities,
// names of hosts, the state of the machine. There are no folders among them in which programs
// keep secrets.
var systemFiles = []string{
	"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/nix/store", "/gnu/store", "/run/opengl-driver",
	"/proc", "/sys", "/dev/urandom", "/dev/random",
	"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/OpenCL", "/etc/vulkan",
	"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/pki/tls/certs", "/etc/pki/ca-trust", "/etc/ca-certificates",
	"/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/run/systemd/resolve", "/etc/nsswitch.conf", "/etc/gai.conf",
	"/etc/services", "/etc/protocols",
}

// devices are what hardware encoders use, and the null device.
var devices = []string{"/dev/null", "/dev/dri", "/dev/nvidia*", "/dev/nvidia-caps"}

// domain is the port of DNS, which is asked by TCP for long answers.
const domain = 53

// newSandbox returns the sandbox of a program with a job.
func newSandbox(c Config, j Job) sandbox {
	all := sandbox{ports: append(j.ports(), c.Ports...)}
	all.ports = append(all.ports, domain)
	read := append(slices.Clone(systemFiles), c.Program, os.Getenv("SSL_CERT_FILE"))
	for _, list := range []string{"SSL_CERT_DIR", "LD_LIBRARY_PATH"} {
		read = append(read, filepath.SplitList(os.Getenv(list))...)
	}
	for _, path := range read {
		if filepath.IsAbs(path) {
			all.read = append(all.read, without(resolve(path), c.Private)...)
		}
	}
	for _, device := range devices {
		found, _ := filepath.Glob(device)
		all.write = append(all.write, found...)
	}
	for _, p := range j.Programs {
		for _, d := range p.Destinations {
			switch {
			case d.HLS != nil:
				all.write = append(all.write, d.HLS.Directory)
			case d.File != "":
				all.write = append(all.write, filepath.Dir(d.File))
			}
		}
	}
	return all
}

// ports are those of the stage and of RTMP servers.
func (j Job) ports() []uint16 {
	claims, _ := token.Read(j.Token) // one that can't be read leads nowhere
	addresses := []string{claims.WHIPURL, claims.EventsURL}
	for _, p := range j.Programs {
		for _, d := range p.Destinations {
			if d.RTMP != nil {
				addresses = append(addresses, d.RTMP.URL)
			}
		}
	}
	var all []uint16
	for _, address := range addresses {
		if port := portOf(address); port != 0 && !slices.Contains(all, port) {
			all = append(all, port)
		}
	}
	return all
}

var defaultPorts = map[string]uint16{"http": 80, "ws": 80, "https": 443, "wss": 443, "rtmp": 1935, "rtmps": 443}

// portOf is the port of an address, 0 for what is no address.
func portOf(address string) uint16 {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(port)
	}
	return defaultPorts[u.Scheme]
}

// without is a folder without what is private: itself, or what it has beside that.
func without(folder string, private []string) (all []string) {
	inside := false
	for _, p := range private {
		if p == "" {
			continue
		}
		p = resolve(p)
		if within(folder, p) {
			return nil
		}
		inside = inside || within(p, folder)
	}
	if !inside {
		return []string{folder}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		all = append(all, without(filepath.Join(folder, e.Name()), private)...)
	}
	return all
}

// resolve is a path without symbolic links, as far as it exists.
func resolve(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// passedOn are the variables of this process's environment that a worker gets: of its
// language, its libraries and their devices. What others mean, a secret perhaps, is unknown.
var passedOn = []string{
	"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "RES_OPTIONS", "LOCALDOMAIN",
	"GODEBUG", "GOTRACEBACK", "GOMAXPROCS", "GORACE", "GOCOVERDIR",
	"LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
	"SYSTEMROOT",
}

// environment is that of a worker.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !slices.Contains(passedOn, strings.ToUpper(name))
	})
}
