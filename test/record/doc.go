// Package record checks recordings of participants: the real server, the real publisher.
package record
