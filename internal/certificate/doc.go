// Package certificate has a TLS certificate for each of the server's names, obtained
// from an authority by ACME (RFC 8555) and renewed in time.
//
// A name is shown to be the server's own by TLS-ALPN-01 (RFC 8737): the authority
// shakes hands at port 443 of the name, names the protocol acme-tls/1, and is shown a
// certificate made for this one question. It takes no other port and no other
// listener: every address that has its configuration from [Keeper.TLS] answers.
//
//	                 ┌────────────── due: at two thirds of its life ◀───────────┐
//	                 ▼                                                          │
//	stand-in ──▶ claimed ──▶ asked ──▶ shown ──▶ signed ──▶ kept, and served ───┘
//	   ▲             │ by another node: look again           by every node
//	   └── failed ◀──┘ after 1 min, 2 min … an hour, or when the authority says
//
// Until a name has its certificate, a stand-in that the server signed itself is shown,
// so that whoever doesn't look at it (a health check) is served; one that has run out
// is shown rather than none.
//
// What must outlive the process is on the [Shelf], one record a name: certificate and
// key, the question under way, who is asking, and what failed last. A record changes
// in one step, so nodes that share a shelf and stand behind one name take turns, and
// each answers the authority for the others.
package certificate
