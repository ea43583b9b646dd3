package sfu

import (
	"time"

	"rostrum/internal/media"
)

// TransportStats describes one peer's connection.
type TransportStats struct {
	Connected bool
	Protocol  string // "udp", "tcp", "turn-udp" or "turn-tcp", "" until an address is nominated or DTLS is complete
	Remote    string
	Profile   string // SRTP protection profile
	RoundTrip time.Duration
	BytesIn   uint64
	BytesOut  uint64
}

// LayerStats describes one layer as received.
type LayerStats struct {
	LayerInfo
	Offered        bool // viewers may get it: it is sent, or would be if somebody wanted it
	Packets, Bytes uint64
	Lost           int64 // never received, as receiver reports count
	Repaired       uint64
	Nacks, Plis    uint64        // sent to the publisher
	Jitter         time.Duration // RFC 3550 §6.4.1
}

// TrackStats describes the audio or video of a Publisher.
type TrackStats struct {
	Kind   media.Kind
	Codec  media.Codec
	Layers []LayerStats
}

// PublisherStats is a snapshot of a Publisher.
type PublisherStats struct {
	Transport   TransportStats
	Tracks      []TrackStats
	Subscribers int
	Limit       int // bitrate that the path is estimated to carry while it is congested, else 0
}

// SubscriptionStats describes the audio or video that a viewer receives. It is flat, because
// tables and metrics read it.
type SubscriptionStats struct {
	Kind      media.Kind
	Codec     media.Codec
	Preferred string // label of the layer that was asked for, "" for automatic
	Target    string // label of the layer that the bandwidth allows
	Current   string // label of the layer that flows
	Paused    bool
	Reason    PauseReason

	// Sent.
	Bitrate        int
	Packets, Bytes uint64
	Nacks, Resent  uint64
	Plis           uint64
	KeyframeWait   time.Duration // without a picture for lack of a keyframe, in total

	// As the viewer reports.
	Loss   float64 // share of packets, smoothed
	Lost   uint32  // in total
	Jitter time.Duration
}

// SubscriberStats is a snapshot of a Subscriber.
type SubscriberStats struct {
	Transport     TransportStats
	Estimate      int // bitrate that the path is estimated to carry, 0 if unknown
	Subscriptions []SubscriptionStats
}

// EngineStats is a snapshot of an Engine. Counts are since the start.
type EngineStats struct {
	Transports             int
	HalfOpen               int
	Evicted                uint64                    // silent TCP connections that were closed for new ones
	Drops                  map[Drop]uint64           // without the reasons that never occurred
	ConnectFailures        map[ConnectFailure]uint64 // of transports that were answered
	RedundantSubscriptions int                       // subscriptions that are sent redundant audio now
	RedundantBytes         uint64                    // bytes of redundant audio blocks
}
