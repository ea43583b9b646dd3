// Package signaling is the participant's door: WHIP to publish (RFC 9725), the
// same towards the other direction to subscribe (draft-ietf-wish-whep), and the
// events socket. It turns HTTP into calls of the live stages and their refusals
// into problem documents (RFC 9457); it decides nothing itself.
//
//	POST   /whip                              publish
//	POST   /whip/publish/{participantId}      the same; the id must be the token's
//	POST   /whip/subscribe/{participantId}    receive what that participant publishes
//	PATCH  /whip/sessions/{id}                add candidates, restart ICE
//	DELETE /whip/sessions/{id}                end it
//	POST   /whip/sessions/{id}/layer          choose a layer, or sound alone
//	GET    /events/{stageId}                  the events socket
//
// Each of them is a row of the table in route.go, and a row has no handler
// without the judgement of a participant token before it. What the bodies and
// messages say is told in docs/protocol.md.
package signaling
