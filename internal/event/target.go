package event

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// A Target is somewhere that events are delivered to, and which. Exactly one of
// Webhook, Bus and File is set.
type Target struct {
	Name    string `json:"name"`
	Account string `json:"account"` // only events of this account are delivered

	// Pattern is an EventBridge event pattern; empty lets all events pass.
	Pattern json.RawMessage `json:"pattern,omitempty"`

	// RostrumEvents asks for Rostrum's own events, too: without it the target
	// gets what the managed service sends and nothing else.
	RostrumEvents bool `json:"rostrumEvents,omitempty"`

	// Disabled stops deliveries. The target goes on where it stood once it is
	// enabled, with what the log then still holds.
	Disabled bool `json:"disabled,omitempty"`

	// Configured tells that the target stands in the configuration file, which
	// alone may change it.
	Configured bool `json:"configured,omitempty"`

	Webhook *Webhook `json:"webhook,omitempty"`
	Bus     *Bus     `json:"bus,omitempty"`
	File    *File    `json:"file,omitempty"`

	// Secrets are what the target's deliveries are signed with, newest first:
	// of a webhook its keys, of a bus the access key if it has its own.
	Secrets []Secret `json:"-"`

	// Revision counts the changes of the target. The store sets it.
	Revision int64 `json:"-"`
}

// A Secret is a key that deliveries are signed with. ID is public, Key is not.
type Secret struct {
	ID  string
	Key string
}

// String hides the key.
func (s Secret) String() string { return s.ID }

// A Webhook is a URL that events are posted to, one a request.
type Webhook struct {
	URL string `json:"url"`

	// AllowPrivate lets the URL lead to addresses that are not of the public
	// Internet, and lets it be http:// to this machine itself.
	AllowPrivate bool `json:"allowPrivate,omitempty"`
}

// A Bus is an EventBridge event bus.
type Bus struct {
	Name     string `json:"name"`               // or its ARN
	Region   string `json:"region"`             // where it is
	Endpoint string `json:"endpoint,omitempty"` // empty for the region's own

	// Source is the source of the events on the bus. EventBridge keeps those
	// that begin with "aws." to itself; the default is DefaultBusSource.
	Source string `json:"source,omitempty"`
}

// DefaultBusSource is the source of events on a bus that isn't told another.
const DefaultBusSource = "rostrum.ivs"

// A File is a file of JSON lines, an envelope each.
type File struct {
	Path string `json:"path"`

	MaxBytes int64 `json:"maxBytes,omitempty"` // then a new one is begun; default 100 MiB
	Keep     int   `json:"keep,omitempty"`     // how many full ones are kept, as path.1 (newest) and on; default 5
}

var targetName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Check tells what is wrong with a target, or nil.
func (t *Target) Check() error {
	if !targetName.MatchString(t.Name) {
		return fmt.Errorf("target %q: a name is small letters, digits and hyphens, 63 at most", t.Name)
	}
	if err := t.check(); err != nil {
		return fmt.Errorf("target %s: %w", t.Name, err)
	}
	return nil
}

func (t *Target) check() error {
	if len(t.Pattern) > 0 {
		if _, err := ParsePattern(t.Pattern); err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
	}
	kinds := 0
	var err error
	if t.Webhook != nil {
		kinds++
		err = t.Webhook.check()
	}
	if t.Bus != nil {
		kinds++
		err = t.Bus.check()
	}
	if t.File != nil {
		kinds++
		err = t.File.check()
	}
	if kinds != 1 {
		return errors.New("exactly one of webhook, bus and file must be given")
	}
	return err
}

func (w *Webhook) check() error {
	u, err := url.Parse(w.URL)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("the URL is malformed")
	case u.User != nil:
		return errors.New("the URL holds a password, which logs would show; the signature tells who sends")
	case u.Fragment != "":
		return errors.New("the URL has a fragment, which is never sent")
	case u.Scheme == "https", u.Scheme == "http" && w.AllowPrivate:
		return nil
	case u.Scheme == "http":
		return errors.New("the URL is not https://; plain http:// is for this machine itself, with allow-private")
	}
	return errors.New("the URL is not https://")
}

func (b *Bus) check() error {
	if b.Name == "" || b.Region == "" {
		return errors.New("a bus needs a name and a region")
	}
	if b.Endpoint == "" {
		if strings.HasPrefix(b.Source, "aws.") {
			return errors.New("EventBridge keeps sources that begin with aws. to itself: name another, or an endpoint that allows it")
		}
		return nil
	}
	if u, err := url.Parse(b.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the endpoint is no http:// or https:// URL")
	}
	return nil
}

func (f *File) check() error {
	if !filepath.IsAbs(f.Path) {
		return errors.New("the path of the file is not absolute")
	}
	if f.MaxBytes < 0 || f.Keep < 0 {
		return errors.New("sizes and numbers of files can't be negative")
	}
	return nil
}

// secretBytes is how long a key must be that somebody thought up.
const secretBytes = 16

// NewSecret makes a secret of a key, or of a key that it mints when there is
// none. The id is made from the key: whoever has the key can tell that it is the
// one, nobody else can tell anything.
func NewSecret(key string) (Secret, error) {
	if key == "" {
		key = rand.Text() + rand.Text() // about 256 bits
	}
	if len(key) < secretBytes {
		return Secret{}, fmt.Errorf("a secret has %d bytes at least", secretBytes)
	}
	sum := sha256.Sum256([]byte("rostrum webhook key " + key))
	return Secret{ID: "k" + hex.EncodeToString(sum[:4]), Key: key}, nil
}
