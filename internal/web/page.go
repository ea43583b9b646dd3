// Package web serves what people open in a browser: the stage page, the player,
// and recordings; and the browser SDK.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

//go:embed stage player
var files embed.FS

// StagePath is the path of the stage page. A participant token follows it as
// fragment, which browsers don't send to the server.
const StagePath = "/stage/"

// Stage serves the page with which the holder of a participant token takes part in a
// stage. web/stage has its sources; its script is built by web/sdk. The page gets
// everything through the token, and may connect to this server only: a token that names
// another server does not work.
func Stage(publicURL string) http.Handler {
	return servePage("stage", StagePath, contentPolicy(publicURL, "'none'"), "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), clipboard-write=(self), autoplay=(self)")
}

// PlayerPath is the path of the player page. The URL of a playlist follows it
// as fragment.
const PlayerPath = "/play/"

// Player serves a page that plays a channel, or a recording by its signed link.
// It loads media from this server only, so that nobody can show something else
// under the server's name. Pages of the server may show it as a part of theirs.
func Player(publicURL string) http.Handler {
	return servePage("player", PlayerPath, contentPolicy(publicURL, "'self'"), "camera=(), microphone=(), autoplay=(self), fullscreen=(self)")
}

// servePage serves an embedded folder.
func servePage(folder, path, policy, permissions string) http.Handler {
	page, err := fs.Sub(files, folder)
	if err != nil {
		panic(err) // the folder is embedded above
	}
	serve := http.StripPrefix(path, http.FileServerFS(page))
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

// contentPolicy allows the page to load from and connect to this server only. ancestors are
// the pages that may show it in a frame.
func contentPolicy(publicURL, ancestors string) string {
	media, connect := "'self' blob:", "'self'"
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		media += " " + u.Scheme + "://" + u.Host
		connect += " " + u.Scheme + "://" + u.Host + " " + strings.Replace(u.Scheme, "http", "ws", 1) + "://" + u.Host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src " + media + "; connect-src " + connect +
		"; base-uri 'none'; form-action 'none'; frame-ancestors " + ancestors
}
