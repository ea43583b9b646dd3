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

// tokenCommands are the commands about participant tokens.
type tokenCommands struct {
	Inspect tokenInspectCommand `cmd:"" help:"Print the claims of a participant token."`
}

// tokenInspectCommand prints the claims of a token. It contacts no server and does not check
// the signature, and says so.
type tokenInspectCommand struct {
	Token string `arg:"" optional:"" help:"The token; read from standard input if absent or -."`
}

// inspected is the claims of a token as printed for programs, named as in the token.
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
	Verified      bool              `json:"verified"` // always false: the signature is not checked
}

// Run prints the claims.
func (c *tokenInspectCommand) Run(out *output) error {
	raw := c.Token
	if raw == "" || raw == "-" {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, token.MaxLength+1)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read token: %w", err)
		}
		raw = line
	}
	claims, err := token.Read(strings.TrimSpace(raw))
	if err != nil {
		return misuse(err)
	}
	if claims.ParticipantID == "" || claims.StageARN == "" || claims.ExpiresAt.IsZero() {
		return misuse(errors.New("it is a JWT, but no participant token: one of the claims jti, resource and exp is missing"))
	}
	t := inspected{
		ParticipantID: claims.ParticipantID, StageARN: claims.StageARN, UserID: claims.UserID, Attributes: claims.Attributes,
		Publish: claims.Publish, Subscribe: claims.Subscribe, WHIPURL: claims.WHIPURL, EventsURL: claims.EventsURL,
		IssuedAt: claims.IssuedAt, ExpiresAt: claims.ExpiresAt, Expired: time.Now().After(claims.ExpiresAt), KeyARN: claims.KeyARN,
	}
	return out.print(t, t.describe)
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
	row("WHIP URL", t.WHIPURL)
	row("events URL", t.EventsURL)
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
