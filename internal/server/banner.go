package server

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/seed"
	"rostrum/internal/sfu"
)

// A Banner is what a server prints once it is ready.
type Banner struct {
	Endpoint   string        `json:"endpoint"`
	Console    string        `json:"console"` // signs in once
	Candidates []string      `json:"candidates"`
	Encoders   []string      `json:"encoders,omitempty"` // RTMP URLs; a stream key follows
	DataDir    string        `json:"dataDir,omitempty"`
	First      bool          `json:"firstStart"`
	Took       time.Duration `json:"-"`

	// Only of an ephemeral server, whose key no other process can read.
	AccessKey string `json:"accessKeyId,omitempty"`
	SecretKey string `json:"secretAccessKey,omitempty"`
	Region    string `json:"region"`

	Seed *seed.Result `json:"seed,omitempty"` // what the server has of the seed

	// Try is a command that creates a stage.
	Try string `json:"try"`
}

// present leaves out what is empty.
func present(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func newBanner(s *config.Settings, l *listeners, k *storage, took time.Duration) *Banner {
	b := &Banner{
		Endpoint: l.endpoint, Candidates: listCandidates(l.engine, l.turnAddress), Encoders: present(l.rtmp.urls(l.endpoint)),
		First: k.firstStart, Took: took.Round(time.Millisecond), Region: string(s.Region),
	}
	const create = "aws ivs-realtime create-stage --name hello"
	if s.Ephemeral {
		b.AccessKey, b.SecretKey = k.operator.ID, k.operator.Secret
		b.Try = fmt.Sprintf("AWS_ENDPOINT_URL_IVS_REALTIME=%s AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_REGION=%s %s",
			ShellQuote(b.Endpoint), ShellQuote(b.AccessKey), ShellQuote(b.SecretKey), ShellQuote(b.Region), create)
		return b
	}
	b.DataDir = s.DataDir
	if full, err := filepath.Abs(s.DataDir); err == nil {
		b.DataDir = full
	}
	b.Try = fmt.Sprintf(`eval "$(%s)" && %s`, b.env(s), create)
	return b
}

// Describe writes the banner for people.
func (b *Banner) Describe(w io.Writer) {
	data := b.DataDir
	switch {
	case data == "":
		data = "none: all data are lost when the server ends"
	case b.First:
		data += " (new, with a new access key)"
	}
	encoders := "none"
	if len(b.Encoders) > 0 {
		encoders = strings.Join(b.Encoders, "<stream key>, ") + "<stream key>"
	}
	fmt.Fprintf(w, `Rostrum is ready after %d ms.

  Console  %s
           (this link signs in once, within 15 minutes)

  API    %s
  Media  %s
  RTMP   %s
  Data   %s

Create a stage from another terminal:

  %s

Ctrl-C stops.
`, b.Took.Milliseconds(), b.Console, b.Endpoint, strings.Join(b.Candidates, ", "), encoders, data, b.Try)
}

// listCandidates lists the addresses to which clients send media; TURN over TLS is the last.
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

// env is the command that prints the environment of this server's clients, from any folder.
// Flags with their default are left out.
func (b *Banner) env(s *config.Settings) string {
	words := []string{thisProgram(), "env", "--data-dir", b.DataDir}
	for _, flag := range [][3]string{
		{"--public-url", b.Endpoint, "http://127.0.0.1:7080"},
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

// thisProgram is how a shell finds this binary: by its name if it is the one in PATH, else by
// its path.
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

// ShellQuote quotes s as one word of a POSIX shell.
func ShellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
