// Package certificate obtains a TLS certificate for each of the server's names by
// ACME (RFC 8555), and renews it.
//
// The authority verifies a name with the challenge tls-alpn-01 (RFC 8737): it
// connects to port 443 of the name with the protocol acme-tls/1 and expects a
// certificate made for this challenge. Any listener whose configuration is from
// [Manager.TLS] answers.
//
//	                     ┌──────── due: after two thirds of its lifetime ◀──────┐
//	                     ▼                                                      │
//	self-signed ──▶ claimed ──▶ ordered ──▶ challenged ──▶ issued ──▶ stored ───┘
//	   ▲                 │ by another node: look again                served by every node
//	   └──── failed ◀────┘ pause of 1 min, 2 min … an hour, or as the authority says
//
// Until a name has its certificate the server uses a self-signed one, which is
// enough for clients that don't verify it (health checks). An expired certificate
// stays in use until it is renewed.
//
// All state that must outlive the process is in the [Storage], one record per
// name: certificate and key, the current challenge, which node has claimed the
// order, and the last failure. Records change atomically: nodes that share the
// storage and the name take turns, and each answers challenges for the others.
package certificate
