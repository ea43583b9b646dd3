package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"rostrum/internal/control"
	"rostrum/ivsrealtime"
)

// peak measures by how much memory grows while f runs.
func peak(f func()) (grown uint64) {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			runtime.ReadMemStats(&now)
			if used, was := now.HeapInuse+now.StackInuse, before.HeapInuse+before.StackInuse; used > was {
				grown = max(grown, used-was)
			}
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return grown
}

// authorization is the Authorization header of a request that a key signs, with its date.
func authorization(t *testing.T, url string, key aws.Credentials) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), key, r, emptyHash, "ivs", region, time.Now()); err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + r.Header.Get("Authorization") + "\r\nX-Amz-Date: " + r.Header.Get("X-Amz-Date") + "\r\n"
}

func TestServer_UnsignedBodiesCostLittleMemory(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	address := strings.TrimPrefix(h.URL, "http://")
	const requests = 500
	for name, c := range map[string]struct {
		header string
		length int
	}{
		"unsigned":                 {"", 1 << 20},
		"signed by an unknown key": {authorization(t, h.URL+"/CreateStage", aws.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}), 1 << 20},
		"with a forged signature":  {authorization(t, h.URL+"/CreateStage", aws.Credentials{AccessKeyID: "AKIAALICE", SecretAccessKey: "guess"}), 500 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			content := bytes.Repeat([]byte{' '}, c.length)
			head := fmt.Sprintf("POST /CreateStage HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", address, c.header, c.length)
			var sent, ended sync.WaitGroup
			sent.Add(requests)
			grown := peak(func() {
				for range requests {
					ended.Go(func() {
						conn, err := net.Dial("tcp", address)
						if err != nil {
							t.Error(err)
							sent.Done()
							return
						}
						defer conn.Close()
						_, _ = io.WriteString(conn, head)
						_, _ = conn.Write(content[1:]) // unless it is refused before
						sent.Done()
						sent.Wait() // all wait for their last byte
						_, _ = conn.Write(content[:1])
						_, _ = io.Copy(io.Discard, io.LimitReader(conn, 100))
					})
				}
				ended.Wait()
			})
			t.Logf("%d MiB", grown>>20)
			if grown > 32<<20 {
				t.Errorf("%d requests cost %d MiB, expected 32 at most", requests, grown>>20)
			}
		})
	}
	if a := h.send(t, request{path: "/ListStages", body: `{}`}); a.StatusCode != http.StatusOK {
		t.Errorf("then a good request is answered by %d", a.StatusCode)
	}
}

func TestServer_BoundsBodiesByOperation(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	for path, allowed := range map[string]int{"/GetStage": 16 << 10, "/ListStages": 16 << 10, "/CreateStage": 512 << 10} {
		for extra := range 2 {
			body := `{"ignored":"` + strings.Repeat("x", allowed-len(`{"ignored":""}`)+extra) + `"}`
			code, message := h.send(t, request{path: path, body: body}).fault()
			if refused := code == string(ivsrealtime.RequestTooLarge); refused != (extra == 1) {
				t.Errorf("%s with %d bytes is answered by %s %q", path, allowed+extra, code, message)
			}
		}
	}
}
