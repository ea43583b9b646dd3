// Package signaling serves participants over HTTP: WHIP to publish (RFC 9725),
// WHEP to subscribe (draft-ietf-wish-whep), and the events socket. It turns
// requests into calls of the live stages and refusals into problem documents
// (RFC 9457).
//
//	POST   /whip                              publish
//	POST   /whip/publish/{participantId}      the same; the id must be the token's
//	POST   /whip/subscribe/{participantId}    receive what that participant publishes
//	PATCH  /whip/sessions/{id}                add candidates, restart ICE
//	DELETE /whip/sessions/{id}                end the connection
//	POST   /whip/sessions/{id}/layer          select a layer, stop audio or video
//	GET    /events/{stageId}                  the events socket
//	GET    /events                            a connection: the events socket of several stages
//
// Each of them is a row of the table in route.go; each row authorizes a
// participant token before it calls its handler. docs/protocol.md describes the
// bodies and messages. The requests about media also come as messages of the
// events socket: exchange.go has what both ways share.
package signaling
