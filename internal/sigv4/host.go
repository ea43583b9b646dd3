package sigv4

import (
	"bytes"
	"slices"
	"strings"
)

// Reverse proxies often send another Host than the one that the client signed: the
// name of the upstream, a name without the port, a name in lower case. A signature
// may therefore be for any spelling of the received Host or of the public URL's
// host. That is safe: only holders of the secret can make it, and all these hosts
// are this server.

// spellings returns the forms of a host: with and without a default port, and in
// lower case.
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

// otherHosts returns the hosts that a request may be signed for, besides the
// received one.
func (v *Verifier) otherHosts(received string) []string {
	all := append(spellings(received)[1:], v.public...)
	return slices.DeleteFunc(all, func(host string) bool { return host == received })
}

// withHost returns the canonical request with another host.
func withHost(canonical []byte, host string) []byte {
	const mark = "\nhost:" // only the header has this
	start := bytes.Index(canonical, []byte(mark)) + len(mark)
	end := start + bytes.IndexByte(canonical[start:], '\n')
	return slices.Concat(canonical[:start], []byte(host), canonical[end:])
}
