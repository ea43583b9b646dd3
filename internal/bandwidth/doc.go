// Package bandwidth estimates the path to one viewer and allocates its bitrate to the
// viewer's subscriptions. It does no input or output: the caller passes in the time, as a
// duration on any monotonic clock, and what was observed. Bitrates are in bits per second.
//
// # How the estimate works
//
// A queue that empties now and then is a burst in transit: a keyframe, or a pause of a Wi-Fi
// link. A standing queue, in which even the fastest packet of the last 400 ms had to wait,
// means that more is sent than the path carries. While a queue stands, the link is never
// idle, so the bitrate that arrives is the capacity of the path. The estimate takes its upper
// limit from there, and an application that sends little is never mistaken for a narrow path.
// The standing queue is the idea of CoDel (RFC 8289 §3); the control loop around it follows
// draft-ietf-rmcat-gcc-02.
//
// The estimate rises only on evidence: on the bitrate that arrives without a standing queue,
// and on probe clusters, which a [Prober] sends when a higher estimate would be of use.
//
// # Types
//
//	DelayTracker    the queueing delay that the packets of one transport show
//	Estimator       what the path of a viewer carries, over all its transports
//	LossLimit       a limit from receiver reports, for receivers without transport-wide feedback
//	Prober          when to send a probe cluster, and at which bitrate
//	Pacer           how much of a burst may leave now
//	Allocate        the layer of each subscription
//	UpgradeBackoff  how long to wait before a layer that failed is tried again
package bandwidth
