package store

import (
	"encoding/json"
	"fmt"
	"time"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
)

// endedLife is how long a composition can still be looked at after its end
// (spec: composition life cycle).
const endedLife = 5 * time.Minute

// A kind says what the store must know of a resource's shape. What a kind
// doesn't have is nil.
type kind[T any] struct {
	name  arn.Type
	title string // as messages call it

	arn         func(*T) string
	tags        func(*T) *map[string]string
	label       func(*T) string // the name that lists filter by
	state       func(*T) string
	setState    func(*T, string)          // where the column knows better than the document
	uses        func(*T) []string         // ARNs; empty ones are passed over
	secrets     func(*T) []*string        // kept encrypted
	aliases     func(*vault, *T) []string // second names, unique
	ended       func(*T) time.Time        // zero while it lives
	newestFirst bool                      // the order of lists
}

// Stages are the stages. ActiveSessionID is the store's own: sessions set it.
func (tx *Tx) Stages() Resources[ivsrealtime.Stage] { return Resources[ivsrealtime.Stage]{tx, &stages} }

// Encoders are the encoder configurations.
func (tx *Tx) Encoders() Resources[ivsrealtime.EncoderConfiguration] {
	return Resources[ivsrealtime.EncoderConfiguration]{tx, &encoders}
}

// Storages are the storage configurations.
func (tx *Tx) Storages() Resources[ivsrealtime.StorageConfiguration] {
	return Resources[ivsrealtime.StorageConfiguration]{tx, &storages}
}

// Ingests are the ingest configurations.
func (tx *Tx) Ingests() Resources[ivsrealtime.IngestConfiguration] {
	return Resources[ivsrealtime.IngestConfiguration]{tx, &ingests}
}

// PublicKeys are the imported public keys.
func (tx *Tx) PublicKeys() Resources[ivsrealtime.PublicKey] {
	return Resources[ivsrealtime.PublicKey]{tx, &publicKeys}
}

// Compositions are the compositions. One that has an EndTime no longer counts
// and no longer uses anything, and is gone five minutes later.
func (tx *Tx) Compositions() Resources[ivsrealtime.Composition] {
	return Resources[ivsrealtime.Composition]{tx, &compositions}
}

// IngestByStreamKey finds the ingest configuration that a stream key, or one of
// its two redundant ones, belongs to.
func (tx *Tx) IngestByStreamKey(key string) (*ivsrealtime.IngestConfiguration, error) {
	return tx.Ingests().byAlias(streamKeyAlias(tx.store.vault, key))
}

func streamKeyAlias(v *vault, key string) string { return "stream-key:" + v.hash(key) }

var stages = kind[ivsrealtime.Stage]{
	name: arn.Stage, title: "Stage",
	arn:      func(s *ivsrealtime.Stage) string { return s.ARN },
	tags:     func(s *ivsrealtime.Stage) *map[string]string { return &s.Tags },
	state:    func(s *ivsrealtime.Stage) string { return s.ActiveSessionID },
	setState: func(s *ivsrealtime.Stage, id string) { s.ActiveSessionID = id },
	uses: func(s *ivsrealtime.Stage) []string {
		if c := s.AutoParticipantRecordingConfiguration; c != nil && c.StorageConfigurationARN != nil {
			return []string{*c.StorageConfigurationARN}
		}
		return nil
	},
}

var encoders = kind[ivsrealtime.EncoderConfiguration]{
	name: arn.EncoderConfiguration, title: "Encoder configuration",
	arn:  func(e *ivsrealtime.EncoderConfiguration) string { return e.ARN },
	tags: func(e *ivsrealtime.EncoderConfiguration) *map[string]string { return &e.Tags },
}

var storages = kind[ivsrealtime.StorageConfiguration]{
	name: arn.StorageConfiguration, title: "Storage configuration",
	arn:  func(s *ivsrealtime.StorageConfiguration) string { return s.ARN },
	tags: func(s *ivsrealtime.StorageConfiguration) *map[string]string { return &s.Tags },
}

var ingests = kind[ivsrealtime.IngestConfiguration]{
	name: arn.IngestConfiguration, title: "Ingest configuration",
	arn:     func(i *ivsrealtime.IngestConfiguration) string { return i.ARN },
	tags:    func(i *ivsrealtime.IngestConfiguration) *map[string]string { return &i.Tags },
	state:   func(i *ivsrealtime.IngestConfiguration) string { return string(i.State) },
	uses:    func(i *ivsrealtime.IngestConfiguration) []string { return []string{i.StageARN} },
	secrets: streamKeys,
	aliases: func(v *vault, i *ivsrealtime.IngestConfiguration) (aliases []string) {
		for _, key := range streamKeys(i) {
			if *key != "" {
				aliases = append(aliases, streamKeyAlias(v, *key))
			}
		}
		return aliases
	},
}

func streamKeys(i *ivsrealtime.IngestConfiguration) []*string {
	keys := []*string{&i.StreamKey}
	for n := range i.RedundantIngestCredentials {
		keys = append(keys, &i.RedundantIngestCredentials[n].StreamKey)
	}
	return keys
}

var publicKeys = kind[ivsrealtime.PublicKey]{
	name: arn.PublicKey, title: "Public key",
	arn:  func(k *ivsrealtime.PublicKey) string { return k.ARN },
	tags: func(k *ivsrealtime.PublicKey) *map[string]string { return &k.Tags },
	aliases: func(_ *vault, k *ivsrealtime.PublicKey) []string {
		a, _ := arn.Parse(k.ARN)
		return []string{"fingerprint:" + a.Account + ":" + a.Region + ":" + k.Fingerprint}
	},
}

var compositions = kind[ivsrealtime.Composition]{
	name: arn.Composition, title: "Composition", newestFirst: true,
	arn:   func(c *ivsrealtime.Composition) string { return c.ARN },
	tags:  func(c *ivsrealtime.Composition) *map[string]string { return &c.Tags },
	state: func(c *ivsrealtime.Composition) string { return string(c.State) },
	ended: func(c *ivsrealtime.Composition) time.Time { return c.EndTime },
	uses: func(c *ivsrealtime.Composition) []string {
		uses := []string{c.StageARN}
		for _, d := range c.Destinations {
			if d.Configuration == nil {
				continue
			}
			if ch := d.Configuration.Channel; ch != nil {
				uses = append(uses, ch.ChannelARN, ch.EncoderConfigurationARN)
			}
			if s3 := d.Configuration.S3; s3 != nil {
				uses = append(append(uses, s3.StorageConfigurationARN), s3.EncoderConfigurationARNs...)
			}
		}
		return uses
	},
}

// used is whom a document uses, each once.
func (k *kind[T]) used(doc *T) (used []string) {
	if k.uses == nil {
		return nil
	}
	seen := map[string]bool{"": true}
	for _, name := range k.uses(doc) {
		if !seen[name] {
			seen[name], used = true, append(used, name)
		}
	}
	return used
}

func (k *kind[T]) alsoCalled(v *vault, doc *T) []string {
	if k.aliases == nil {
		return nil
	}
	return k.aliases(v, doc)
}

// encode makes the row of a document. Tags and secrets leave the body; while
// that is written doc is without them.
func (k *kind[T]) encode(v *vault, name string, doc *T) (*row, error) {
	r := &row{arn: name, living: true, uses: k.used(doc), aliases: k.alsoCalled(v, doc)}
	if k.state != nil {
		r.state = k.state(doc)
	}
	if k.label != nil {
		r.name = k.label(doc)
	}
	if k.ended != nil {
		if end := k.ended(doc); !end.IsZero() {
			r.living, r.expires = false, micros(end.Add(endedLife))
		}
	}
	tags := *k.tags(doc)
	defer func() { *k.tags(doc) = tags }()
	*k.tags(doc) = nil
	r.tags = "{}"
	if len(tags) > 0 {
		text, err := json.Marshal(tags)
		if err != nil {
			return nil, err
		}
		r.tags = string(text)
	}
	if k.secrets != nil {
		places := k.secrets(doc)
		secrets := make([]string, len(places))
		for i, place := range places {
			secrets[i], *place = *place, ""
		}
		defer func() {
			for i, place := range places {
				*place = secrets[i]
			}
		}()
		text, err := json.Marshal(secrets)
		if err != nil {
			return nil, err
		}
		r.sealed = v.seal(name, text)
	}
	body, err := json.Marshal(doc)
	r.body = string(body)
	return r, err
}

// decode reads the document of a row.
func (k *kind[T]) decode(v *vault, r *row, doc *T) error {
	if err := json.Unmarshal([]byte(r.body), doc); err != nil {
		return fmt.Errorf("read %s: %w", r.arn, err)
	}
	tags := map[string]string{}
	if err := json.Unmarshal([]byte(r.tags), &tags); err != nil {
		return fmt.Errorf("read tags of %s: %w", r.arn, err)
	}
	*k.tags(doc) = tags
	if k.setState != nil {
		k.setState(doc, r.state)
	}
	if k.secrets == nil {
		return nil
	}
	text, err := v.open(r.arn, r.sealed)
	if err != nil {
		return err
	}
	var secrets []string
	if err := json.Unmarshal(text, &secrets); err != nil {
		return fmt.Errorf("read the secrets of %s: %w", r.arn, err)
	}
	places := k.secrets(doc)
	if len(places) != len(secrets) {
		return fmt.Errorf("read %s: %d secrets for %d places", r.arn, len(secrets), len(places))
	}
	for i, place := range places {
		*place = secrets[i]
	}
	return nil
}
