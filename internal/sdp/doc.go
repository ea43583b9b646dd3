// Package sdp reads the session descriptions of WebRTC clients and writes the answers to
// them: offers and answers (RFC 8866, RFC 9429), trickle-ICE fragments (RFC 8840) and ICE
// candidates (RFC 8839).
//
// Everything it reads comes from the network. Sizes and counts are bounded, and every string
// that an answer repeats is checked, so that no client can write lines of its own into it.
//
// An [Offer] has one [Section] for each m= line. The media engine picks a [Payload] for the
// sections it takes, makes an [AnswerSection] with [Section.Accept], and writes the [Answer].
// Errors are *[Error].
package sdp
