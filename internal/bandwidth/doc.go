// Package bandwidth estimates one viewer's path and allots it among that viewer's
// subscriptions. It is pure: the caller brings the time, in nanoseconds of any monotonic
// clock, and what was observed.
//
// # What is believed
//
// A queue that empties now and then is only a burst on its way: a keyframe, a Wi-Fi pause.
// A queue that stands, of which not even the quickest packet in a while was free, means
// that more is sent than the path carries. While it stands the link never rests, so what
// arrives is what the path carries: from that the estimate takes its bound, and an
// application that sends little can't be mistaken for a narrow path. (The idea of the
// standing queue is that of CoDel, RFC 8289 §3; the loop around it that of
// draft-ietf-rmcat-gcc-02.)
//
// The estimate rises by evidence alone: by what arrives without leaving a queue, and by
// trains that a Prober sends when something could be made of more.
//
//	Delays     one transport's queueing delay
//	Estimator  what the path of a viewer carries, over all its transports
//	LossLimit  the same from receiver reports, for receivers that report nothing better
//	Prober     when to send a train, and how fast
//	Pacer      how much of a burst may leave now
//	Allot      the share of each subscription; Patience keeps it from trying too often
package bandwidth
