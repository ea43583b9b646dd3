package main

import (
	"io"
	"log/slog"
	"strings"
)

// neverLogged are names under which secrets travel. A value logged under one of
// them is hidden, whoever logs it: secrets have types that hide themselves, and
// this is the net beneath.
var neverLogged = []string{"authorization", "password", "secret", "streamkey", "token", "cookie"}

// newLogger makes the one logger of the process, as the settings have it.
func newLogger(s *settings, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // one of four, as declared
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: hideSecrets}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func hideSecrets(_ []string, a slog.Attr) slog.Attr {
	name := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(a.Key))
	for _, word := range neverLogged {
		if strings.HasSuffix(name, word) && a.Value.Kind() != slog.KindGroup {
			return slog.String(a.Key, hidden)
		}
	}
	return a
}
