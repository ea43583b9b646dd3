package recorder

import (
	"errors"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// write stores the state of the recording on its participant, in the session that it is in now,
// with the event that belongs to it.
func (r *individual) write(state ivsrealtime.RecordingState, e *event.Event) {
	s := r.subject()
	ref := store.ParticipantRef{StageARN: s.StageARN, SessionID: s.SessionID, ParticipantID: s.ParticipantID}
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		err := r.registry.cfg.Store.Write(r.registry.ctx, func(tx *store.Tx) error {
			if e != nil {
				tx.Emit(*e)
			}
			_, err := tx.UpdateParticipant(ref, func(row *store.Participant) error {
				if newer := row.RecordingS3Prefix > s.Prefix; newer {
					return nil
				}
				row.RecordingState, row.RecordingS3BucketName, row.RecordingS3Prefix = state, s.Bucket, s.Prefix
				return nil
			})
			if errors.Is(err, ivsrealtime.ResourceNotFound) {
				return nil // the stage was deleted
			}
			return err
		})
		if err == nil || errors.Is(err, store.ErrClosed) || r.registry.ctx.Err() != nil {
			return
		}
		r.log.Error("store the state of a recording", "error", err)
		if pause > 10*time.Second {
			return
		}
		time.Sleep(pause)
	}
}
