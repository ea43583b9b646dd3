package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"rostrum/internal/token"
)

// tokenVerbs groups the verbs about participant tokens.
type tokenVerbs struct {
	Inspect tokenInspectVerb `cmd:"" help:"Show what a participant token says."`
}

// tokenInspectVerb shows a token's claims. It asks no server and checks no
// signature, and says so.
type tokenInspectVerb struct {
	Token string `arg:"" optional:"" help:"The token; read from standard input when absent or -."`
}

// inspected is a token's claims as printed for programs. The claims keep the
// names they have in the token.
type inspected struct {
	ParticipantID string            `json:"jti"`
	StageARN      string            `json:"resource"`
	UserID        string            `json:"user_id,omitempty"`
	Attributes    map[string]string `json:"attributes,omitempty"`
	Publish       bool              `json:"allow_publish"`
	Subscribe     bool              `json:"allow_subscribe"`
	WHIPURL       string            `json:"whip_url"`
	EventsURL     string            `json:"events_url"`
	IssuedAt      time.Time         `json:"iat"`
	ExpiresAt     time.Time         `json:"exp"`
	Expired       bool              `json:"expired"`
	KeyARN        string            `json:"kid,omitempty"`
	Verified      bool              `json:"verified"` // never: no key is asked
}

// Run shows the token.
func (v *tokenInspectVerb) Run(out *output) error {
	raw := v.Token
	if raw == "" || raw == "-" {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, token.MaxLength+1)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read token: %w", err)
		}
		raw = line
	}
	c, err := token.Read(strings.TrimSpace(raw))
	if err != nil {
		return err
	}
	t := inspected{
		ParticipantID: c.ParticipantID, StageARN: c.StageARN, UserID: c.UserID, Attributes: c.Attributes,
		Publish: c.Publish, Subscribe: c.Subscribe, WHIPURL: c.WHIPURL, EventsURL: c.EventsURL,
		IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt, Expired: time.Now().After(c.ExpiresAt), KeyARN: c.KeyARN,
	}
	return out.say(t, t.describe)
}

func (t inspected) describe(w io.Writer) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer tab.Flush()
	row := func(name string, value any) { fmt.Fprintf(tab, "%s\t%v\n", name, value) }
	row("participant", t.ParticipantID)
	row("stage", t.StageARN)
	if t.UserID != "" {
		row("user", t.UserID)
	}
	for _, k := range slices.Sorted(maps.Keys(t.Attributes)) {
		row("attribute "+k, t.Attributes[k])
	}
	row("may publish", t.Publish)
	row("may subscribe", t.Subscribe)
	row("publishes at", t.WHIPURL)
	row("hears of others at", t.EventsURL)
	row("issued", t.IssuedAt.Format(time.RFC3339))
	expiry := t.ExpiresAt.Format(time.RFC3339)
	if t.Expired {
		expiry += " (expired)"
	}
	row("expires", expiry)
	if t.KeyARN != "" {
		row("signed by", t.KeyARN)
	}
	row("signature", "not checked")
}
