package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"rostrum/internal/bucket"
)

// RecordingsPath is the path of the files in buckets: a bucket's name and a
// file's key follow.
const RecordingsPath = "/buckets/"

// maxPlaylist bounds a playlist that is rewritten, in bytes.
const maxPlaylist = 64 << 20

// Recordings serves files from buckets to holders of a signed link, including
// players on other sites. The link is added to each URI in a playlist, so that
// it opens all the playlist refers to. A key that ends with a slash is that of a
// folder, whose files' names are listed as JSON. Without a valid link the answer
// is 403, whether a file exists or not. open opens a bucket; its region is empty where the link
// names none.
func Recordings(open bucket.Buckets, links bucket.Links) http.Handler {
	return http.StripPrefix(RecordingsPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Headers", "Range")
		h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range")
		h.Set("Access-Control-Max-Age", "86400")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		switch r.Method {
		case http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
			return
		case http.MethodGet, http.MethodHead:
		default:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name, key, _ := strings.Cut(r.URL.Path, "/")
		query := r.URL.Query()
		if !links.Allows(name, key, query, time.Now()) {
			http.Error(w, "the link is invalid or has expired", http.StatusForbidden)
			return
		}
		b, err := open(bucket.Region(query), name)
		switch {
		case err != nil:
		case strings.HasSuffix(key, "/"):
			err = serveNames(w, r, b, key)
		default:
			err = serveFile(w, r, b, key)
		}
		switch {
		case errors.Is(err, bucket.ErrNoFile), errors.Is(err, bucket.ErrNoBucket):
			http.Error(w, "no such file", http.StatusNotFound)
		case err != nil:
			http.Error(w, "the file could not be read", http.StatusInternalServerError)
		}
	}))
}

// serveNames serves the names of the files in a folder.
func serveNames(w http.ResponseWriter, r *http.Request, b bucket.Bucket, folder string) error {
	if folder != path.Clean(folder)+"/" {
		return bucket.ErrNoFile
	}
	names := []string{}
	err := b.List(r.Context(), folder, "", func(f bucket.File) error {
		if name := f.Key[len(folder):]; !strings.Contains(name, "/") {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	return json.NewEncoder(w).Encode(names)
}

// serveFile serves one file.
func serveFile(w http.ResponseWriter, r *http.Request, b bucket.Bucket, key string) error {
	file, err := b.Get(r.Context(), key)
	if err != nil {
		return err
	}
	defer file.Close()
	h := w.Header()
	h.Set("Content-Type", bucket.ContentType(key))
	if strings.HasSuffix(key, ".m3u8") {
		text, err := io.ReadAll(io.LimitReader(file, maxPlaylist))
		if err != nil {
			return err
		}
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(withLink(string(text), r.URL.Query())))
		return nil
	}
	h.Set("Cache-Control", "private, max-age=3600")
	if seekable, ok := file.(io.ReadSeeker); ok {
		http.ServeContent(w, r, "", time.Time{}, seekable)
	} else if r.Method != http.MethodHead {
		passOn(w, file)
	}
	return nil
}

// passOn answers with a file of another server.
func passOn(w http.ResponseWriter, file io.Reader) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxRemoteTime)) // not all have one
	if _, err := io.Copy(w, file); err != nil {
		panic(http.ErrAbortHandler) // the status is sent: only a broken connection says that the file is not whole
	}
}

const (
	// maxRemoteRequests is how many files of other servers are passed on at once.
	maxRemoteRequests = 128
	// maxLinkRequests is how many of them may be of one link: others are left for other links.
	maxLinkRequests = maxRemoteRequests / 2
	// maxRemoteTime is how long one may take.
	maxRemoteTime = 2 * time.Minute
)

// RemoteRecordings is Recordings for buckets on another server, which it asks on behalf of the
// holders of links, with a bound on how often and for how long.
func RemoteRecordings(open bucket.Buckets, links bucket.Links) http.Handler {
	recordings := Recordings(open, links)
	running := remoteRequests{byLink: map[string]int{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		link := r.URL.Query().Get("signature")
		if !running.begin(link) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many recordings are played at once", http.StatusServiceUnavailable)
			return
		}
		defer running.end(link)
		ctx, cancel := context.WithTimeout(r.Context(), maxRemoteTime)
		defer cancel()
		recordings.ServeHTTP(w, r.WithContext(ctx))
	})
}

// remoteRequests counts the requests that run.
type remoteRequests struct {
	mu     sync.Mutex // guards what follows
	all    int
	byLink map[string]int
}

// begin counts a request, unless there are too many.
func (c *remoteRequests) begin(link string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= maxRemoteRequests || c.byLink[link] >= maxLinkRequests {
		return false
	}
	c.all++
	c.byLink[link]++
	return true
}

func (c *remoteRequests) end(link string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.byLink[link]--; c.byLink[link] == 0 {
		delete(c.byLink, link)
	}
}

// tagURIs matches the URIs in the tags of a playlist (RFC 8216 §4.3.2.5).
var tagURIs = regexp.MustCompile(`URI="[^"?]*`)

// withLink adds a link's query to all URIs of a playlist.
func withLink(playlist string, query url.Values) string {
	link := "?" + query.Encode()
	var out strings.Builder
	for line := range strings.Lines(playlist) {
		text := strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(text, "#"):
			out.WriteString(tagURIs.ReplaceAllString(text, "$0"+link))
		case text != "":
			out.WriteString(text + link)
		}
		out.WriteByte('\n')
	}
	return out.String()
}
