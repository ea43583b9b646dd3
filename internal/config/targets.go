package config

import (
	"bytes"
	"encoding/json"
	"fmt"

	"rostrum/internal/event"
)

// Targets are the configured targets of events: a JSON list as text, a list of maps in the
// file.
type Targets []Target

// A Target is a target of events as configured. Exactly one of Webhook, Bus and File is set.
type Target struct {
	Name          string          `json:"name"`
	Account       string          `json:"account,omitempty"` // default: the first operator's
	Pattern       json.RawMessage `json:"pattern,omitempty"`
	RostrumEvents bool            `json:"rostrum_events,omitempty"`
	Disabled      bool            `json:"disabled,omitempty"`
	Webhook       *Webhook        `json:"webhook,omitempty"`
	Bus           *Bus            `json:"bus,omitempty"`
	File          *File           `json:"file,omitempty"`
}

// A Webhook is a target that receives events by HTTP.
type Webhook struct {
	URL            string `json:"url"`
	AllowPrivate   bool   `json:"allow_private,omitempty"`
	Secret         string `json:"secret,omitempty"`          // default: created at the first start and stored
	PreviousSecret string `json:"previous_secret,omitempty"` // signs as well, while receivers change
}

// A Bus is an EventBridge bus.
type Bus struct {
	Name      string `json:"name"`
	Region    string `json:"region,omitempty"` // default: the region of the settings
	Endpoint  string `json:"endpoint,omitempty"`
	Source    string `json:"source,omitempty"`
	AccessKey string `json:"access_key,omitempty"` // default: credentials of the AWS SDK
	SecretKey string `json:"secret_key,omitempty"`
}

// A File is a file to which events are appended.
type File struct {
	Path     string `json:"path"`
	MaxBytes int64  `json:"max_bytes,omitempty"`
	Keep     int    `json:"keep,omitempty"`
}

// UnmarshalText reads a JSON list without unknown keys.
func (t *Targets) UnmarshalText(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var made []Target // not Targets, which JSON reads as text
	if err := d.Decode(&made); err != nil {
		return fmt.Errorf("expected a list of targets: %w", err)
	}
	seen := map[string]bool{}
	for _, c := range made {
		kept, err := c.EventTarget(&Settings{Account: "000000000000", Region: "us-east-1"})
		if err == nil {
			err = kept.Check()
		}
		if err == nil && seen[c.Name] {
			err = fmt.Errorf("target %s is configured twice", c.Name)
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
func (t Targets) hides() bool {
	for _, c := range t {
		if c.Webhook != nil && c.Webhook.Secret != "" || c.Bus != nil && c.Bus.SecretKey != "" {
			return true
		}
	}
	return false
}

// String is the JSON list without its secrets.
func (t Targets) String() string {
	if len(t) == 0 {
		return ""
	}
	shown := make(Targets, len(t))
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
	text, _ := json.Marshal([]Target(shown)) // it was read from JSON
	return string(text)
}

// EventTarget is the target as the store has it.
func (c Target) EventTarget(s *Settings) (event.Target, error) {
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
			return t, fmt.Errorf("target %s: access_key or secret_key is missing", c.Name)
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
