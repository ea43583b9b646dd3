package server

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
)

// A greeting is what a server says once it is ready.
type Banner struct {
	Endpoint   string        `json:"endpoint"`
	Candidates []string      `json:"candidates"`
	Encoders   []string      `json:"encoders,omitempty"` // where RTMP is spoken; a stream key follows
	DataDir    string        `json:"dataDir,omitempty"`
	First      bool          `json:"firstStart"`
	Took       time.Duration `json:"-"`

	// Only of an ephemeral server, whose keys no other process can read.
	AccessKey string `json:"accessKeyId,omitempty"`
	SecretKey string `json:"secretAccessKey,omitempty"`
	Region    string `json:"region"`

	// Try is a line to paste that creates a stage.
	Try string `json:"try"`
}

// complete adds what the settings say: where data are kept and how to try the server.
func (g *Banner) complete(s *config.Settings, key store.AccessKey) {
	g.Region = string(s.Region)
	const create = "aws ivs-realtime create-stage --name hello"
	if s.Ephemeral {
		g.DataDir, g.AccessKey, g.SecretKey = "", key.ID, key.Secret
		g.Try = fmt.Sprintf("AWS_ENDPOINT_URL_IVS_REALTIME=%s AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_REGION=%s %s",
			ShellQuote(g.Endpoint), ShellQuote(g.AccessKey), ShellQuote(g.SecretKey), ShellQuote(g.Region), create)
		return
	}
	if full, err := filepath.Abs(g.DataDir); err == nil {
		g.DataDir = full
	}
	g.Try = fmt.Sprintf(`eval "$(%s)" && %s`, g.env(s), create)
}

func (g *Banner) Describe(w io.Writer) {
	kept := g.DataDir
	switch {
	case kept == "":
		kept = "nowhere: all is gone when this ends"
	case g.First:
		kept += " (new, with an access key for you)"
	}
	encoders := "nowhere"
	if len(g.Encoders) > 0 {
		encoders = strings.Join(g.Encoders, "<stream key>, ") + "<stream key>"
	}
	fmt.Fprintf(w, `Rostrum is ready after %d ms.

  API    %s
  Media  %s
  RTMP   %s
  Data   %s

Create a stage from another terminal:

  %s

Ctrl-C stops.
`, g.Took.Milliseconds(), g.Endpoint, strings.Join(g.Candidates, ", "), encoders, kept, g.Try)
}

// describeCandidates lists where clients are told to send media, at last by TURN over TLS if
// there is that.
func listCandidates(engine *sfu.Engine, turns string) []string {
	var all []string
	for _, c := range engine.Candidates() {
		all = append(all, c.Protocol+" "+c.Addr.String())
	}
	if turns != "" {
		all = append(all, "tls "+turns)
	}
	return all
}

// env is the command that prints this server's exports, from whichever folder
// it is called. What has its default there is left out.
func (g *Banner) env(s *config.Settings) string {
	words := []string{thisProgram(), "env", "--data-dir", g.DataDir}
	for _, flag := range [][3]string{
		{"--public-url", g.Endpoint, "http://127.0.0.1:7080"},
		{"--account", string(s.Account), "000000000000"},
		{"--region", string(s.Region), "us-east-1"},
		{"--access-key", string(s.AccessKey), ""},
	} {
		if flag[1] != flag[2] {
			words = append(words, flag[0], flag[1])
		}
	}
	for i := range words {
		words[i] = ShellQuote(words[i])
	}
	return strings.Join(words, " ")
}

// thisProgram is how a shell finds this binary: by its name, where the name
// leads to it.
func thisProgram() string {
	self, err := os.Executable()
	if err != nil {
		return "rostrum"
	}
	found, err := exec.LookPath("rostrum")
	if err == nil && sameFile(found, self) {
		return "rostrum"
	}
	return self
}

func sameFile(a, b string) bool {
	first, err1 := os.Stat(a)
	second, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}

// quote makes one word of a POSIX shell.
func ShellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
