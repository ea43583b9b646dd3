// Package doctor checks whether a server with given settings can run on this machine and
// can be reached by its clients.
package doctor
