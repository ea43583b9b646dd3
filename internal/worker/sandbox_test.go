package worker

import (
	"path/filepath"
	"slices"
	"testing"

	"os"
)

func TestJob_KnowsItsPorts(t *testing.T) {
	for address, expected := range map[string]uint16{
		"https://example.com/whip": 443, "http://10.0.0.1:7080": 7080, "wss://[::1]:8443/x": 8443, "ws://h/": 80,
		"rtmp://h/live/key": 1935, "rtmps://h/live/key": 443, "rtmp://h:19350/live/key": 19350, "": 0, "://": 0,
	} {
		if got := portOf(address); got != expected {
			t.Errorf("the port of %q is %d, expected %d", address, got, expected)
		}
	}
}

func TestWithout_LeavesOutWhatIsPrivate(t *testing.T) {
	folder := resolve(t.TempDir())
	at := func(name string) string { return filepath.Join(folder, filepath.FromSlash(name)) }
	for _, name := range []string{"lib/a.so", "share/data/secret.key", "share/doc/x"} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ private, expected []string }{
		"nothing is private":     {nil, []string{folder}},
		"what is elsewhere":      {[]string{folder + "-data", ""}, []string{folder}},
		"a folder within":        {[]string{at("share/data")}, []string{at("lib"), at("share/doc")}},
		"a file within":          {[]string{at("share/data/secret.key")}, []string{at("lib"), at("share/doc")}},
		"the folder":             {[]string{folder}, nil},
		"a folder that contains": {[]string{filepath.Dir(folder)}, nil},
	} {
		if got := without(folder, c.private); !slices.Equal(got, c.expected) {
			t.Errorf("%s: allowed are %v, expected %v", name, got, c.expected)
		}
	}
}
