package control

import (
	"time"

	"rostrum/ivsrealtime"
)

// Limits are the quotas and request rates of an account, per region. Zero means no
// limit. The tags are the names in the configuration.
type Limits struct {
	Stages                     int `setting:"stages"`
	EncoderConfigurations      int `setting:"encoder_configurations"`
	StorageConfigurations      int `setting:"storage_configurations"`
	IngestConfigurations       int `setting:"ingest_configurations"`
	PublicKeys                 int `setting:"public_keys"`
	Channels                   int `setting:"channels"`
	Streams                    int `setting:"streams"`                      // live at once
	StreamPixels               int `setting:"stream_pixels"`                // width x height from an encoder to a channel
	StreamBitrate              int `setting:"stream_bitrate"`               // bits per second from it, over ten seconds
	Compositions               int `setting:"compositions"`                 // running at once
	CompositionsPerStage       int `setting:"compositions_per_stage"`       // running at once
	ReplicationsPerParticipant int `setting:"replications_per_participant"` // running at once

	Publishers       int `setting:"publishers"`        // at once, over all stages
	Subscriptions    int `setting:"subscriptions"`     // at once, over all stages
	StagePublishers  int `setting:"stage_publishers"`  // at once, on one stage
	StageSubscribers int `setting:"stage_subscribers"` // at once, on one stage

	PublishPixels       int           `setting:"publish_pixels"`      // width x height
	PublishBitrate      int           `setting:"publish_bitrate"`     // bits per second, all layers
	DownloadBitrate     int           `setting:"download_bitrate"`    // bits per second, all subscriptions of a participant
	ConnectionDuration  time.Duration `setting:"connection_duration"` // of a publish or subscribe connection
	CompositionDuration time.Duration `setting:"composition_duration"`
	CompositionIdle     time.Duration `setting:"composition_idle"` // without a publisher

	// Requests per second; bursts of the same size are allowed. What is beyond requests
	// waits for a moment, what is beyond the others is refused.
	Requests          float64 `setting:"requests"`            // of an account, all operations together
	TokenRequests     float64 `setting:"token_requests"`      // CreateParticipantToken
	PublicKeyRequests float64 `setting:"public_key_requests"` // each public key operation
	TagRequests       float64 `setting:"tag_requests"`        // each tag operation
	OtherRequests     float64 `setting:"other_requests"`      // each other operation
}

// OpenLimits only protects the machine.
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

// AWSLimits has the managed service's default quotas and rates (Service Quotas,
// Amazon IVS Real-Time).
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

// checkQuota checks that one more than n is within max.
func checkQuota(n, max int, what string) error {
	if max > 0 && n >= max {
		return ivsrealtime.Errorf(ivsrealtime.ServiceQuotaExceeded, "the quota of %d %s is reached", max, what)
	}
	return nil
}
