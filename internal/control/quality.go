package control

import (
	"context"

	"rostrum/internal/quality"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// readQuality is the action for the quality history in policies. The managed service has no
// such history.
const readQuality = "rostrum:ReadQuality"

// ReadQuality returns how well the media of a participant got through, and why not.
func (p *Plane) ReadQuality(ctx context.Context, c Caller, of stage.Reporter, q quality.Query) (*quality.Answer, error) {
	if err := p.Authorize(ctx, c, readQuality, of.StageARN); err != nil {
		return nil, err
	}
	if p.quality == nil {
		return nil, ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "This server keeps no quality history: its quality_age is 0")
	}
	err := p.store.Read(ctx, func(tx *store.Tx) error { // also that the session is the stage's
		_, err := tx.Participant(store.ParticipantRef(of))
		return err
	})
	if err != nil {
		return nil, err
	}
	return p.quality.Read(ctx, of, q)
}
