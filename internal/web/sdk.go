package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// SDKPath is the path of the browser SDK: a script that defines the global
// IVSBroadcastClient, as the service's SDK does.
const SDKPath = "/sdk/rostrum.js"

// sdkScript is built by web/sdk. A copy is kept here, so that the server builds without
// Node.js.
//
//go:embed sdk/rostrum.js
var sdkScript string

// SDK serves the browser SDK to the pages of every origin: it is no secret. Browsers keep
// it, and ask whether it is still the same.
func SDK() http.Handler {
	sum := sha256.Sum256([]byte(sdkScript))
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "public, no-cache")
		h.Set("ETag", etag)
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(sdkScript))
	})
}
