// Package netem holds a call to its promises on bad networks. The server and a
// viewer each have a network namespace of their own; the path between is two TUN
// devices and a piece of this program that loses, delays, limits and rewrites what
// goes through, so that it needs no queueing discipline of the kernel.
package netem
