package wire

// Quality is a summary of a participant's media in the last seconds, as its client measures
// them. Nobody answers it, and a client may leave it out.
type Quality struct {
	Interval float64       `json:"interval"`           // ms that the summary is about
	Sent     *MediaQuality `json:"sent,omitempty"`     // absent if nothing is published
	Received *MediaQuality `json:"received,omitempty"` // of all subscriptions together; absent without any
	Device   string        `json:"device,omitempty"`   // for people: system, cores, memory
}

// Type implements Payload.
func (Quality) Type() Type { return "QUALITY" }

// MediaQuality is one direction of a Quality. What is not known is left out.
type MediaQuality struct {
	Bitrate          float64 `json:"bitrate,omitempty"`          // bits per second
	Loss             float64 `json:"loss,omitempty"`             // share of the packets, 0 to 1
	RoundTrip        float64 `json:"roundTrip,omitempty"`        // ms
	Jitter           float64 `json:"jitter,omitempty"`           // ms
	FrameRate        float64 `json:"frameRate,omitempty"`        // of the largest video
	Height           float64 `json:"height,omitempty"`           // of the largest video
	Freezes          float64 `json:"freezes,omitempty"`          // as freezeCount of WebRTC statistics counts them
	Frozen           float64 `json:"frozen,omitempty"`           // ms of those freezes
	Estimate         float64 `json:"estimate,omitempty"`         // bits per second that the path is estimated to carry
	KeyframeWait     float64 `json:"keyframeWait,omitempty"`     // ms without a picture for lack of a keyframe
	CPULimited       float64 `json:"cpuLimited,omitempty"`       // ms in which the processor limited the encoder
	BandwidthLimited float64 `json:"bandwidthLimited,omitempty"` // ms in which the bandwidth limited the encoder
	FramesDropped    float64 `json:"framesDropped,omitempty"`    // by the encoder or the decoder
	Path             string  `json:"path,omitempty"`             // types of the ICE candidates, and the protocol
	Codec            string  `json:"codec,omitempty"`
	Coder            string  `json:"coder,omitempty"` // name of the encoder or decoder
}
