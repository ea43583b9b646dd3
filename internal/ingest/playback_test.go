package ingest_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mediaPlaylist is the URL of the media playlist that a new viewer finds.
func (s *fixture) mediaPlaylist(t *testing.T) string {
	t.Helper()
	_, playlist := s.channels.Addresses(s.channel.ARN)
	status, body := s.get(t, playlist)
	if status != http.StatusOK {
		t.Fatalf("the playlist is answered by %d %s", status, body)
	}
	lines := strings.Split(strings.TrimSpace(body), "\n")
	return strings.Replace(playlist, "index.m3u8", lines[len(lines)-1], 1)
}

// number is the value of a tag in a playlist.
func number(t *testing.T, body, tag string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^#` + tag + `:(\d+)$`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("there is no %s in\n%s", tag, body)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *fixture) goLive(t *testing.T) *encoder {
	t.Helper()
	e, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.send(210); err != nil {
		t.Fatal(err)
	}
	await(t, "live", func() bool { _, ok := s.stream(t); return ok })
	media := s.mediaPlaylist(t)
	await(t, "all segments", func() bool {
		_, body := s.get(t, media)
		body = body[strings.LastIndex(body, "#EXT-X-DISCONTINUITY\n")+1:] // of this encoder alone
		return strings.Count(body, "#EXTINF") == 8
	})
	return e
}

func TestPlayback_AnswersAsHLSRequires(t *testing.T) {
	s := start(t)
	s.goLive(t)
	media := s.mediaPlaylist(t)
	_, body := s.get(t, media)
	first := number(t, body, "EXT-X-MEDIA-SEQUENCE")
	last := first + strings.Count(body, "#EXTINF") - 1
	segment := fmt.Sprintf("segment%d.mp4", last)
	folder := media[:strings.LastIndexByte(media, '/')+1]
	for name, c := range map[string]struct {
		method, url string
		header      http.Header
		status      int
		kind        string
	}{
		"the list":                            {"GET", media, nil, 200, "application/vnd.apple.mpegurl"},
		"its head":                            {"HEAD", media, nil, 200, "application/vnd.apple.mpegurl"},
		"what is allowed":                     {"OPTIONS", media, nil, 204, ""},
		"another method":                      {"POST", media, nil, 405, "text/plain; charset=utf-8"},
		"the first segment's list":            {"GET", media + "&_HLS_msn=" + strconv.Itoa(first), nil, 200, "application/vnd.apple.mpegurl"},
		"the list before the first segment":   {"GET", media + "&_HLS_msn=" + strconv.Itoa(first-20) + "&_HLS_part=3", nil, 200, "application/vnd.apple.mpegurl"},
		"a list that is too far ahead":        {"GET", media + "&_HLS_msn=" + strconv.Itoa(last+4), nil, 400, "text/plain; charset=utf-8"},
		"a part without a segment":            {"GET", media + "&_HLS_part=3", nil, 400, "text/plain; charset=utf-8"},
		"a number that is none":               {"GET", media + "&_HLS_msn=x", nil, 400, "text/plain; charset=utf-8"},
		"a list that never comes":             {"GET", media + "&_HLS_msn=" + strconv.Itoa(last+2), nil, 503, "text/plain; charset=utf-8"},
		"a segment":                           {"GET", folder + segment, nil, 200, "video/mp4"},
		"its head, too":                       {"HEAD", folder + segment, nil, 200, "video/mp4"},
		"its first byte":                      {"GET", folder + segment, http.Header{"Range": {"bytes=0-0"}}, 206, "video/mp4"},
		"a segment that is not there":         {"GET", folder + "segment1.mp4", nil, 404, "text/plain; charset=utf-8"},
		"a file of another kind":              {"GET", folder + "../../secret.key", nil, 404, "text/plain; charset=utf-8"},
		"the list of a channel that is not":   {"GET", strings.Replace(media, "/hls/", "/hls/x", 1), nil, 404, "text/plain; charset=utf-8"},
		"a list for an encoding it never has": {"GET", media, http.Header{"Accept-Encoding": {"gzip"}}, 200, "application/vnd.apple.mpegurl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range c.header {
				q.Header[k] = v
			}
			began := time.Now()
			res, err := http.DefaultTransport.RoundTrip(q)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			kind := res.Header.Get("Content-Type")
			if res.StatusCode != c.status && !(c.status == 404 && res.StatusCode == 301) || c.kind != "" && res.StatusCode != 301 && kind != c.kind {
				t.Errorf("it is answered by %d %s, expected %d %s", res.StatusCode, kind, c.status, c.kind)
			}
			if res.Header.Get("Access-Control-Allow-Origin") != "*" && res.StatusCode != 301 {
				t.Error("it is not for every page")
			}
			if c.status != 503 && time.Since(began) > 5*time.Second {
				t.Errorf("it took %v", time.Since(began))
			}
		})
	}
}

// A viewer that hung up holds nothing: the server ends while the encoder is silent.
func TestPlayback_ForgetsViewersThatLeft(t *testing.T) {
	s := start(t)
	s.goLive(t)
	media := s.mediaPlaylist(t)
	_, body := s.get(t, media)
	next := number(t, body, "EXT-X-MEDIA-SEQUENCE") + strings.Count(body, "#EXTINF") + 1
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	for range 20 {
		go func() {
			q, _ := http.NewRequestWithContext(ctx, "GET", media+"&_HLS_msn="+strconv.Itoa(next), nil)
			if res, err := http.DefaultClient.Do(q); err == nil {
				res.Body.Close()
				t.Errorf("a list that has not come is answered by %d", res.StatusCode)
			}
			ended <- struct{}{}
		}()
	}
	time.AfterFunc(500*time.Millisecond, leave)
	for range 20 {
		<-ended
	}
	began := time.Now()
	s.playback.Close() // waits for requests
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the requests of viewers that left were held for %v", took)
	}
}

func TestPlayback_ContinuesWithTheNextEncoder(t *testing.T) {
	s := start(t)
	e := s.goLive(t)
	media := s.mediaPlaylist(t)
	_, before := s.get(t, media)
	_ = e.push.Close()
	await(t, "the end of the session", func() bool { return strings.HasSuffix(s.events(t), "Session Ended; ") })
	_, playlist := s.channels.Addresses(s.channel.ARN)
	if status, _ := s.get(t, playlist); status != http.StatusNotFound {
		t.Errorf("a viewer who comes to an offline channel is answered by %d", status)
	}
	if status, body := s.get(t, media); status != http.StatusOK || strings.Contains(body, "ENDLIST") {
		t.Errorf("who watches is answered by %d\n%s", status, body)
	}
	e = s.goLive(t)
	defer e.push.Close()
	_, after := s.get(t, media)
	was, is := number(t, before, "EXT-X-MEDIA-SEQUENCE"), number(t, after, "EXT-X-MEDIA-SEQUENCE")
	if is < was || is > was+strings.Count(before, "#EXTINF")+20 || strings.Count(after, "#EXT-X-DISCONTINUITY\n") != 1 {
		t.Errorf("numbers went from %d to %d\n%s", was, is, after)
	}
	if number(t, before, "EXT-X-TARGETDURATION") != number(t, after, "EXT-X-TARGETDURATION") {
		t.Error("TARGETDURATION changed")
	}
}

func TestPlayback_FailsAStreamThatNobodyCanBeginToWatch(t *testing.T) {
	s := start(t)
	e, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.send(1); err != nil {
		t.Fatal(err)
	}
	_, playlist := s.channels.Addresses(s.channel.ARN)
	began := time.Now()
	if status, body := s.get(t, playlist); status != http.StatusServiceUnavailable || !strings.Contains(body, "keyframe") || time.Since(began) > 5*time.Second {
		t.Errorf("without a second keyframe the playlist is answered by %d after %v: %s", status, time.Since(began), body)
	}
	e.intra = true
	if err := e.send(400); err != nil { // 16 s
		t.Fatal(err)
	}
	await(t, "the health event", func() bool { return strings.HasSuffix(s.events(t), "Starvation Start; ") })
	if _, live := s.stream(t); live {
		t.Error("a stream that nobody can watch is live")
	}
	_ = e.send(200)
	await(t, "the failure", func() bool { return strings.HasSuffix(s.events(t), "Session Ended; ") })
	if got := s.details(t); !strings.Contains(got, "Stream Failure") || !strings.Contains(got, "no keyframe (IDR picture) for 20s: set the encoder's keyframe interval") {
		t.Errorf("it happened: %s", got)
	}
}
