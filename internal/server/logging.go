package server

import (
	"io"
	"log/slog"
	"strings"

	"rostrum/internal/config"
	"rostrum/internal/console"
)

// secretNames end the names of attributes whose values are hidden. Secrets have types that
// hide themselves; this is a second protection.
var secretNames = []string{"authorization", "password", "secret", "streamkey", "token", "cookie"}

// newLogger makes the logger of the process. The ring gets each line, too, for the console.
func newLogger(s *config.Settings, w io.Writer, ring *console.LogRing) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // the settings have checked it
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: hideSecrets}
	var written slog.Handler = slog.NewTextHandler(w, options)
	if s.LogFormat == "json" {
		written = slog.NewJSONHandler(w, options)
	}
	return slog.New(slog.NewMultiHandler(written, slog.NewJSONHandler(ring, options)))
}

// nameNormalizer makes stream_key and Stream-Key the same. It is made once, because it is used
// for every attribute of every line.
var nameNormalizer = strings.NewReplacer("_", "", "-", "")

func hideSecrets(_ []string, a slog.Attr) slog.Attr {
	name := nameNormalizer.Replace(strings.ToLower(a.Key))
	for _, word := range secretNames {
		if strings.HasSuffix(name, word) && a.Value.Kind() != slog.KindGroup {
			return slog.String(a.Key, config.Hidden)
		}
	}
	return a
}
