package control

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"rostrum/ivsrealtime"
)

// Limits bound what an account may have and do, per region. Zero means no limit. The tags
// are their names in the configuration.
type Limits struct {
	Stages                     int `setting:"stages"`
	EncoderConfigurations      int `setting:"encoder_configurations"`
	StorageConfigurations      int `setting:"storage_configurations"`
	IngestConfigurations       int `setting:"ingest_configurations"`
	PublicKeys                 int `setting:"public_keys"`
	Channels                   int `setting:"channels"`
	Streams                    int `setting:"streams"`                      // live at once
	StreamPixels               int `setting:"stream_pixels"`                // width x height that an encoder sends to a channel
	StreamBitrate              int `setting:"stream_bitrate"`               // bits a second that it sends, for ten seconds
	Compositions               int `setting:"compositions"`                 // running at once
	CompositionsPerStage       int `setting:"compositions_per_stage"`       // running at once
	ReplicationsPerParticipant int `setting:"replications_per_participant"` // running at once

	Publishers       int `setting:"publishers"`        // at once, over all stages
	Subscriptions    int `setting:"subscriptions"`     // at once, over all stages
	StagePublishers  int `setting:"stage_publishers"`  // at once, on one stage
	StageSubscribers int `setting:"stage_subscribers"` // at once, on one stage

	PublishPixels       int           `setting:"publish_pixels"`      // width x height
	PublishBitrate      int           `setting:"publish_bitrate"`     // bits a second, all layers
	DownloadBitrate     int           `setting:"download_bitrate"`    // bits a second, all subscriptions of a participant
	ConnectionDuration  time.Duration `setting:"connection_duration"` // of a publish or subscribe connection
	CompositionDuration time.Duration `setting:"composition_duration"`
	CompositionIdle     time.Duration `setting:"composition_idle"` // without a publisher

	// Request rates, a second; bursts of the same size are let through.
	Requests          float64 `setting:"requests"`            // of an account, all operations together
	TokenRequests     float64 `setting:"token_requests"`      // CreateParticipantToken
	PublicKeyRequests float64 `setting:"public_key_requests"` // each public key operation
	TagRequests       float64 `setting:"tag_requests"`        // each tag operation
	OtherRequests     float64 `setting:"other_requests"`      // each other operation
}

// OpenLimits is generous and only protects the machine.
func OpenLimits() Limits {
	const many = 100_000
	return Limits{
		Stages: many, EncoderConfigurations: many, StorageConfigurations: many, IngestConfigurations: many, PublicKeys: many,
		Channels: many, Streams: 1000,
		Compositions: 100, CompositionsPerStage: 20, ReplicationsPerParticipant: 50,
		Publishers: many, Subscriptions: many, StagePublishers: 100, StageSubscribers: many,
		PublishPixels: 1920 * 1080, PublishBitrate: 20_000_000,
		CompositionIdle: time.Minute,
		Requests:        1000,
	}
}

// AWSLimits is the managed service's quotas and rates, figure for figure
// (Service Quotas, Amazon IVS Real-Time).
func AWSLimits() Limits {
	return Limits{
		Stages: 1000, EncoderConfigurations: 20, StorageConfigurations: 5, IngestConfigurations: 100, PublicKeys: 3,
		Channels: 5000, Streams: 100, StreamPixels: 1920 * 1080, StreamBitrate: 8_500_000,
		Compositions: 20, CompositionsPerStage: 5, ReplicationsPerParticipant: 5,
		Publishers: 1000, Subscriptions: 20_000, StagePublishers: 12, StageSubscribers: 10_000,
		PublishPixels: 1280 * 720, PublishBitrate: 8_500_000, DownloadBitrate: 8_500_000,
		ConnectionDuration: 24 * time.Hour, CompositionDuration: 24 * time.Hour, CompositionIdle: time.Minute,
		TokenRequests: 50, PublicKeyRequests: 3, TagRequests: 10, OtherRequests: 5,
	}
}

// within answers whether one more than n fits under most.
func within(n, most int, what string) error {
	if most > 0 && n >= most {
		return ivsrealtime.Errorf(ivsrealtime.ServiceQuotaExceeded, "the quota of %d %s is reached", most, what)
	}
	return nil
}

// A turnstile holds callers to their request rates.
type turnstile struct {
	limits Limits

	mu      sync.Mutex // guards what follows
	buckets map[bucketKey]*rate.Limiter
}

// A bucketKey is as bounded as the accounts are: callers are known when they
// reach the turnstile, operations are those that are served, and a region is counted only when
// something was allowed in it.
type bucketKey struct{ account, region, operation string }

// maxBuckets bounds the buckets all the same: a caller can invent regions.
const maxBuckets = 100_000

func newTurnstile(l Limits) *turnstile {
	return &turnstile{limits: l, buckets: map[bucketKey]*rate.Limiter{}}
}

func (t *turnstile) admit(c Caller, operation string) error {
	perOperation := t.limits.OtherRequests
	switch operation {
	case "CreateParticipantToken":
		perOperation = t.limits.TokenRequests
	case "ImportPublicKey", "GetPublicKey", "ListPublicKeys", "DeletePublicKey":
		perOperation = t.limits.PublicKeyRequests
	case "TagResource", "UntagResource", "ListTagsForResource":
		perOperation = t.limits.TagRequests
	}
	if !t.take(bucketKey{c.Account, c.Region, operation}, perOperation) || !t.take(bucketKey{account: c.Account}, t.limits.Requests) {
		return ivsrealtime.Errorf(ivsrealtime.Throttling, "Rate exceeded: too many %s requests a second", operation)
	}
	return nil
}

// take takes a token of the bucket; always there when perSecond is 0.
func (t *turnstile) take(key bucketKey, perSecond float64) bool {
	if perSecond == 0 {
		return true
	}
	t.mu.Lock()
	b, ok := t.buckets[key]
	if !ok {
		if len(t.buckets) >= maxBuckets {
			clear(t.buckets) // everyone starts with a full bucket again
		}
		b = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
		t.buckets[key] = b
	}
	t.mu.Unlock()
	return b.Allow()
}
