package channel

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/hls"
)

const (
	playlist = "index.m3u8" // the file that a viewer requests first

	// viewerParameter is the query parameter with a viewer's id.
	viewerParameter = "viewer"

	// firstInitOnly is in the User-Agent of players that take the first initialization section
	// of a playlist and no other.
	firstInitOnly = "LibVLC/3."

	// losesOneSegment is in the User-Agent of players that don't find a playlist's only segment
	// in the next playlist, and wait for it for ever.
	losesOneSegment = "GStreamer"

	// mediaLifetime is how long caches may keep what does not change.
	mediaLifetime = "public, max-age=60"
)

var errOffline = errors.New("the channel is offline, or has no such file")

// ServeHTTP serves GET /hls/{channelId}/index.m3u8 and the files that it
// names. Any web page may play them.
func (r *Registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	switch q.Method {
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Range")
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodGet, http.MethodHead:
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "use GET to watch a channel", http.StatusMethodNotAllowed)
		return
	}
	id, file, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, PlaybackPath), "/")
	live, session := r.findPlayback(id)
	if live == nil || file == playlist && session == nil { // who comes now finds the end only
		http.Error(w, errOffline.Error(), http.StatusNotFound)
		return
	}
	viewer := q.URL.Query().Get(viewerParameter)
	known := len(viewer) == len(arn.NewID())
	if file == playlist && !known { // a new viewer gets an id, which the playlists repeat
		http.Redirect(w, q, playlist+"?"+viewerParameter+"="+arn.NewID(), http.StatusFound)
		return
	}
	if session != nil && known {
		session.viewers.seen(viewer, time.Now())
	}
	serveFile(w, q, live, file, url.Values{viewerParameter: {viewer}})
}

// findPlayback returns the playback of a channel and its session; nil for none.
func (r *Registry) findPlayback(channelID string) (*hls.Live, *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.playbacks[channelID]
	if p == nil {
		return nil, nil
	}
	return p.live, p.session
}

// serveFile answers a request for a file of a channel.
func serveFile(w http.ResponseWriter, q *http.Request, live *hls.Live, file string, viewer url.Values) {
	var data []byte
	var err error
	h := w.Header()
	switch file {
	case playlist:
		data, err = live.Multivariant(q.Context(), viewer.Encode())
	case hls.LiveName:
		var reload hls.Reload
		if reload, err = parseReload(q.URL.Query()); err == nil {
			reload.Whole = strings.Contains(q.UserAgent(), firstInitOnly)
			reload.Several = strings.Contains(q.UserAgent(), losesOneSegment)
			data, err = live.Playlist(q.Context(), reload)
		}
	default:
		data, err = live.File(q.Context(), file)
		h.Set("Content-Type", "video/mp4")
		if err == nil {
			h.Set("Cache-Control", mediaLifetime)
			http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(data))
			return
		}
	}
	if err != nil {
		refuseFile(w, err)
		return
	}
	h.Set("Content-Type", "application/vnd.apple.mpegurl")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	if q.Method != http.MethodHead {
		_, _ = w.Write(data) // the viewer may have left
	}
}

// refuseFile answers a request that failed.
func refuseFile(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, hls.ErrNoFile):
		http.Error(w, errOffline.Error(), http.StatusNotFound)
	case errors.Is(err, hls.ErrNotYet), errors.Is(err, hls.ErrNoMedia):
		w.Header().Set("Retry-After", "1")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // the viewer left
	default:
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// parseReload reads the delivery directives of a request (RFC 8216bis §6.2.5).
func parseReload(query url.Values) (hls.Reload, error) {
	reload := hls.Reload{Part: -1, Skip: query.Get("_HLS_skip") == "YES" || query.Get("_HLS_skip") == "v2"}
	number, part := query.Get("_HLS_msn"), query.Get("_HLS_part")
	if number == "" {
		if part != "" {
			return reload, errors.New("_HLS_part needs _HLS_msn")
		}
		return reload, nil
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil {
		return reload, errors.New("_HLS_msn must be a number")
	}
	reload.Blocks, reload.Sequence = true, n
	if part != "" {
		p, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return reload, errors.New("_HLS_part must be a number")
		}
		reload.Part = int(p)
	}
	return reload, nil
}
