package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"rostrum/internal/event"
	"rostrum/internal/store"
)

// targets are the targets of events that the configuration names. As text they
// are a JSON list, in the file a list of maps.
type targets []configuredTarget

// A configuredTarget is a target of events as it is written down.
type configuredTarget struct {
	Name          string             `json:"name"`
	Account       string             `json:"account,omitempty"` // default: the first operator's
	Pattern       json.RawMessage    `json:"pattern,omitempty"`
	RostrumEvents bool               `json:"rostrum_events,omitempty"`
	Disabled      bool               `json:"disabled,omitempty"`
	Webhook       *configuredWebhook `json:"webhook,omitempty"`
	Bus           *configuredBus     `json:"bus,omitempty"`
	File          *configuredFile    `json:"file,omitempty"`
}

type configuredWebhook struct {
	URL            string `json:"url"`
	AllowPrivate   bool   `json:"allow_private,omitempty"`
	Secret         string `json:"secret,omitempty"`          // default: made at the first start and kept
	PreviousSecret string `json:"previous_secret,omitempty"` // signs too, while receivers change over
}

type configuredBus struct {
	Name      string `json:"name"`
	Region    string `json:"region,omitempty"` // default: the tools' region
	Endpoint  string `json:"endpoint,omitempty"`
	Source    string `json:"source,omitempty"`
	AccessKey string `json:"access_key,omitempty"` // default: what the AWS SDK finds
	SecretKey string `json:"secret_key,omitempty"`
}

type configuredFile struct {
	Path     string `json:"path"`
	MaxBytes int64  `json:"max_bytes,omitempty"`
	Keep     int    `json:"keep,omitempty"`
}

// UnmarshalText takes a JSON list, strictly.
func (t *targets) UnmarshalText(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var made []configuredTarget // targets itself is text to JSON
	if err := d.Decode(&made); err != nil {
		return fmt.Errorf("expected a list of targets: %w", err)
	}
	seen := map[string]bool{}
	for _, c := range made {
		kept, err := c.target(&settings{Account: "000000000000", Region: "us-east-1"})
		if err == nil {
			err = kept.Check()
		}
		if err == nil && seen[c.Name] {
			err = fmt.Errorf("target %s is there twice", c.Name)
		}
		if err != nil {
			return err
		}
		seen[c.Name] = true
	}
	*t = made
	return nil
}

// hides reports whether String leaves out a secret.
func (t targets) hides() bool {
	for _, c := range t {
		if c.Webhook != nil && c.Webhook.Secret != "" || c.Bus != nil && c.Bus.SecretKey != "" {
			return true
		}
	}
	return false
}

// String is the JSON list without its secrets.
func (t targets) String() string {
	if len(t) == 0 {
		return ""
	}
	shown := make(targets, len(t))
	for i, c := range t {
		if c.Webhook != nil {
			w := *c.Webhook
			w.Secret, w.PreviousSecret = "", ""
			c.Webhook = &w
		}
		if c.Bus != nil {
			b := *c.Bus
			b.AccessKey, b.SecretKey = "", ""
			c.Bus = &b
		}
		shown[i] = c
	}
	text, _ := json.Marshal([]configuredTarget(shown)) // what was read as JSON can be written as such
	return string(text)
}

// fromYAMLList writes a YAML list as JSON.
func fromYAMLList(value *yaml.Node) (string, error) {
	var list []any
	if err := value.Decode(&list); err != nil {
		return "", err
	}
	text, err := json.Marshal(list)
	return string(text), err
}

// target is what the store keeps of it.
func (c configuredTarget) target(s *settings) (event.Target, error) {
	t := event.Target{
		Name: c.Name, Account: c.Account, Pattern: c.Pattern, RostrumEvents: c.RostrumEvents, Disabled: c.Disabled, Configured: true,
	}
	if t.Account == "" {
		t.Account = string(s.Account)
	}
	var quoted string // a pattern may be written as text
	if json.Unmarshal(t.Pattern, &quoted) == nil {
		t.Pattern = json.RawMessage(quoted)
	}
	if w := c.Webhook; w != nil {
		t.Webhook = &event.Webhook{URL: w.URL, AllowPrivate: w.AllowPrivate}
		for _, key := range []string{w.Secret, w.PreviousSecret} {
			if key == "" {
				continue
			}
			secret, err := event.NewSecret(key)
			if err != nil {
				return t, fmt.Errorf("target %s: %w", c.Name, err)
			}
			t.Secrets = append(t.Secrets, secret)
		}
	}
	if b := c.Bus; b != nil {
		t.Bus = &event.Bus{Name: b.Name, Region: b.Region, Endpoint: b.Endpoint, Source: b.Source}
		if b.Region == "" {
			t.Bus.Region = string(s.Region)
		}
		if (b.AccessKey == "") != (b.SecretKey == "") {
			return t, fmt.Errorf("target %s: access_key and secret_key go together: one of them is missing", c.Name)
		}
		if b.AccessKey != "" {
			t.Secrets = []event.Secret{{ID: b.AccessKey, Key: b.SecretKey}}
		}
	}
	if f := c.File; f != nil {
		t.File = &event.File{Path: f.Path, MaxBytes: f.MaxBytes, Keep: f.Keep}
	}
	return t, nil
}

// keepTargets makes the kept targets those of the configuration and those that
// were added by hand.
func (s *settings) keepTargets(ctx context.Context, st *store.Store) error {
	err := st.Write(ctx, func(tx *store.Tx) error {
		wanted := map[string]bool{}
		for _, c := range s.Targets {
			t, err := c.target(s)
			if err != nil {
				return err
			}
			wanted[t.Name] = true
			if err := keepTarget(tx, t); err != nil {
				return err
			}
		}
		kept, err := tx.Targets("")
		for _, t := range kept {
			if t.Configured && !wanted[t.Name] {
				err = errors.Join(err, tx.RemoveTarget(t.Name))
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("targets of events: %w", err)
	}
	return nil
}

// keepTarget keeps a target. A webhook that has no secret yet gets one.
func keepTarget(tx *store.Tx, t event.Target) error {
	if t.Webhook != nil && len(t.Secrets) == 0 {
		if before, err := tx.Target(t.Name); err != nil || before.Webhook == nil {
			secret, err := event.NewSecret("")
			if err != nil {
				return err
			}
			t.Secrets = []event.Secret{secret}
		}
	}
	return tx.PutTarget(t)
}
