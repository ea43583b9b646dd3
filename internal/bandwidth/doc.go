// Package bandwidth estimates one subscriber's path and allots it among that subscriber's
// subscriptions. It is pure: the caller brings the time, in nanoseconds of any monotonic
// clock, and what was observed.
package bandwidth
