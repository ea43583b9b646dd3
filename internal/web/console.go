package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// The pages are built by web/console from its sources.
//
//go:embed console
var consoleFiles embed.FS

// ConsolePath is the path of the console.
const ConsolePath = "/console/"

// Console serves the pages on which operators see and steer what happens on the stages. All
// of a page's paths show the same document, whose script tells them apart.
func Console(publicURL string) http.Handler {
	pages, err := fs.Sub(consoleFiles, "console")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	c := &console{files: pages, policy: contentPolicy(publicURL, "'none'") + "; frame-src 'self'"}
	return http.StripPrefix(ConsolePath, c)
}

// console serves an embedded folder. Its scripts and style sheets are large, so that they
// are compressed once and kept.
type console struct {
	files      fs.FS
	policy     string
	compressed sync.Map // []byte by name
}

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := path.Clean(r.URL.Path)
	h := w.Header()
	h.Set("Content-Security-Policy", c.policy)
	h.Set("Permissions-Policy", "camera=(), microphone=(), autoplay=(self), fullscreen=(self), clipboard-write=(self)")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	switch path.Ext(name) {
	case ".js", ".css", ".md": // named by their content
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	default: // ARNs and ids may have dots
		name = "index.html"
		h.Set("Cache-Control", "no-cache")
	}
	content, err := fs.ReadFile(c.files, name)
	if err != nil {
		h.Set("Cache-Control", "no-cache")
		http.NotFound(w, r)
		return
	}
	h.Add("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		content = c.compress(name, content)
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// compress returns the compressed content of a file.
func (c *console) compress(name string, content []byte) []byte {
	if kept, ok := c.compressed.Load(name); ok {
		return kept.([]byte)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(content) // a buffer takes all
	_ = z.Close()
	kept, _ := c.compressed.LoadOrStore(name, out.Bytes())
	return kept.([]byte)
}
