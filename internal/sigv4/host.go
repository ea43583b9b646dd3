package sigv4

import (
	"bytes"
	"slices"
	"strings"
)

// A proxy in front of the server often passes on another Host than the one the
// client signed: its own upstream's, one without the port, one in lower case.
// So a signature may fit any spelling of the Host received or of the public
// URL's host. That is safe: whoever made it knows the secret, and the host is
// this server's.

// spellings are the ways a client may write host: with and without the port
// that is its scheme's default, and in lower case.
func spellings(host string) []string {
	if host == "" {
		return nil
	}
	all := []string{host}
	name, port := host, ""
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		name, port = host[:colon], host[colon:]
	}
	switch port {
	case "":
		all = append(all, host+":443", host+":80")
	case ":443", ":80":
		all = append(all, name)
	}
	if lower := strings.ToLower(host); lower != host {
		all = append(all, spellings(lower)...)
	}
	return all
}

// otherHosts are all hosts that a request may be signed for, besides the one
// it was received with.
func (v *Verifier) otherHosts(received string) []string {
	all := append(spellings(received)[1:], v.public...)
	return slices.DeleteFunc(all, func(host string) bool { return host == received })
}

// withHost is the canonical request of a client that signed another host.
func withHost(canonical []byte, host string) []byte {
	const mark = "\nhost:" // no line before the headers begins so, and no header has a line break
	start := bytes.Index(canonical, []byte(mark)) + len(mark)
	end := start + bytes.IndexByte(canonical[start:], '\n')
	return slices.Concat(canonical[:start], []byte(host), canonical[end:])
}
