package server

import (
	"io"
	"log/slog"
	"strings"

	"rostrum/internal/config"
)

// neverLogged are names under which secrets travel. A value logged under one of
// them is hidden, whoever logs it: secrets have types that hide themselves, and
// this is the net beneath.
var secretNames = []string{"authorization", "password", "secret", "streamkey", "token", "cookie"}

// newLogger makes the one logger of the process, as the settings have it.
func newLogger(s *config.Settings, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // one of four, as declared
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: hideSecrets}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// alike writes stream_key and Stream-Key as one word. It is made once: every value
// of every line of the log passes here.
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
