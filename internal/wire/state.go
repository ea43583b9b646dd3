package wire

import (
	"slices"
	"strconv"
)

// A StateEncoder writes a StageState for many receivers at little cost: from
// participants that are encoded already, and with one more for some receivers.
type StateEncoder struct {
	open  []byte // the message up to the end of its participants
	empty bool
}

// NewStateEncoder begins a message without participants.
func NewStateEncoder(sequence uint64, stageID string) *StateEncoder {
	b := []byte(`{"type":"STAGE_STATE","sequence":`)
	b = strconv.AppendUint(b, sequence, 10)
	b = append(append(b, `,"payload":{"stageId":`...), marshal(stageID)...)
	return &StateEncoder{open: append(b, `,"participants":[`...), empty: true}
}

// Add appends a participant, written by Participant.Encode.
func (e *StateEncoder) Add(participant []byte) {
	e.open, e.empty = appendParticipant(e.open, participant, e.empty), false
}

// Message returns a copy of the message, with one more participant unless it is nil.
func (e *StateEncoder) Message(more []byte) []byte {
	b := slices.Clone(e.open)
	if more != nil {
		b = appendParticipant(b, more, e.empty)
	}
	return append(b, `]}}`...)
}

func appendParticipant(b, participant []byte, first bool) []byte {
	if !first {
		b = append(b, ',')
	}
	return append(b, participant...)
}
