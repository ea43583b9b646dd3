package rostrumtest

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// With ROSTRUM, the path of the program, it needs no container.
func TestServer_IsReadyWithItsSeed(t *testing.T) {
	seed, err := os.ReadFile("../seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var s *Server
	if program := os.Getenv("ROSTRUM"); program != "" {
		s, err = Start(t.Context(), program, string(seed))
	} else {
		s, err = Run(t.Context(), "rostrum:latest", string(seed))
	}
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(s.Endpoint + "/readyz")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("readyz: %v, %v", answer, err)
	}
	lobby := s.Seed.Stages["lobby"]
	if s.AccessKey != AccessKey || !strings.HasPrefix(lobby.ARN, "arn:aws:ivs:") || len(lobby.ParticipantTokens) != 1 || lobby.ParticipantTokens[0].UserID != "alice" {
		t.Errorf("the server says %+v", s)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
