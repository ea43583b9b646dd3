package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// doctor finds out which process has a port.
func TestDoctor_TellsPortsOfItsServerFromOthers(t *testing.T) {
	data, rtmp, media := filepath.Join(t.TempDir(), "data"), "127.0.0.1:"+freePort(t), freePort(t)
	s := serve(t, "--data-dir", data, "--rtmp-listen", rtmp, "--media-port", media)
	listen := strings.TrimPrefix(s.Endpoint, "http://")
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, otherPort, _ := net.SplitHostPort(other.Addr().String())
	for name, c := range map[string]struct {
		args, expected []string
	}{
		"its own": {[]string{"--data-dir", data, "--rtmp-listen", rtmp, "--media-port", media}, []string{
			"ok       HTTP address               a Rostrum serves at " + listen,
			"ok       RTMP address               " + rtmp + " is in use by the Rostrum that serves here",
			"is in use by the Rostrum that serves here",
		}},
		"another program's RTMP port":  {[]string{"--data-dir", data, "--rtmp-listen", other.Addr().String(), "--media-port", media}, []string{"broken   RTMP address"}},
		"another program's media port": {[]string{"--data-dir", data, "--rtmp-listen", rtmp, "--media-port", otherPort}, []string{"broken   media port"}},
		"the server of another folder": {[]string{"--data-dir", t.TempDir(), "--rtmp-listen", rtmp, "--media-port", media}, []string{
			fmt.Sprintf("a Rostrum with another data folder serves at %s (pid %d)", listen, s.cmd.Process.Pid), "broken   RTMP address", "broken   media port",
		}},
	} {
		out, complaints, _ := finish(t, rostrum(t, append([]string{"doctor", "--listen", listen}, c.args...)...))
		for _, expected := range c.expected {
			if !strings.Contains(out, expected) {
				t.Errorf("%s: expected %q in\n%s%s", name, expected, out, complaints)
			}
		}
	}
}
