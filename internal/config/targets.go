package config

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"

	"rostrum/internal/event"
)

// targets are the targets of events that the configuration names. As text they
// are a JSON list, in the file a list of maps.
type Targets []Target

// A configuredTarget is a target of events as it is written down.
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

type Webhook struct {
	URL            string `json:"url"`
	AllowPrivate   bool   `json:"allow_private,omitempty"`
	Secret         string `json:"secret,omitempty"`          // default: made at the first start and kept
	PreviousSecret string `json:"previous_secret,omitempty"` // signs too, while receivers change over
}

type Bus struct {
	Name      string `json:"name"`
	Region    string `json:"region,omitempty"` // default: the tools' region
	Endpoint  string `json:"endpoint,omitempty"`
	Source    string `json:"source,omitempty"`
	AccessKey string `json:"access_key,omitempty"` // default: what the AWS SDK finds
	SecretKey string `json:"secret_key,omitempty"`
}

type File struct {
	Path     string `json:"path"`
	MaxBytes int64  `json:"max_bytes,omitempty"`
	Keep     int    `json:"keep,omitempty"`
}

// UnmarshalText takes a JSON list, strictly.
func (t *Targets) UnmarshalText(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var made []Target // targets itself is text to JSON
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
	text, _ := json.Marshal([]Target(shown)) // what was read as JSON can be written as such
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

// eventTargets are the configured targets as the store keeps them.
func (s *Settings) EventTargets() ([]event.Target, error) {
	var all []event.Target
	for _, c := range s.Targets {
		t, err := c.EventTarget(s)
		if err != nil {
			return nil, fmt.Errorf("targets of events: %w", err)
		}
		all = append(all, t)
	}
	return all, nil
}
