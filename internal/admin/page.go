package admin

import (
	"embed"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

//go:embed page player
var pageFiles embed.FS

// PagePath is where the page of a stage is served. A participant token follows
// it as fragment, which browsers keep to themselves.
const PagePath = "/stage/"

// Page serves a plain page that shows a stage to the holder of a participant
// token, and lets them publish a camera. It knows nothing but the token, so
// whoever has none sees nothing. The page may speak to this server alone: a
// token that names another one gets nowhere.
func Page(publicURL string) http.Handler {
	return servePage("page", PagePath, publicURL, "camera=(self), microphone=(self), autoplay=(self)")
}

// PlayerPath is where the player's page is served. The address of a playlist
// follows it as fragment.
const PlayerPath = "/play/"

// Player serves a page that plays a channel, or a recording by its signed link,
// in any browser. It loads from this server alone, so that nobody can have it
// show something else under the server's name.
func Player(publicURL string) http.Handler {
	return servePage("player", PlayerPath, publicURL, "camera=(), microphone=(), autoplay=(self), fullscreen=(self)")
}

// servePage serves an embedded folder.
func servePage(folder, at, publicURL, permissions string) http.Handler {
	files, err := fs.Sub(pageFiles, folder)
	if err != nil {
		panic(err) // the folder is embedded above
	}
	serve := http.StripPrefix(at, http.FileServerFS(files))
	policy := contentPolicy(publicURL)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Permissions-Policy", permissions)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		serve.ServeHTTP(w, r)
	})
}

func contentPolicy(publicURL string) string {
	media, connect := "'self' blob:", "'self'"
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		media += " " + u.Scheme + "://" + u.Host
		connect += " " + u.Scheme + "://" + u.Host + " " + strings.Replace(u.Scheme, "http", "ws", 1) + "://" + u.Host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src " + media + "; connect-src " + connect +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
