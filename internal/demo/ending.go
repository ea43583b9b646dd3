package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"rostrum/internal/recording"
	"rostrum/internal/server"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// An ending tells where the recordings are.
type ending struct {
	CompositionARN string                       `json:"compositionArn,omitempty"`
	State          ivsrealtime.CompositionState `json:"state,omitempty"`
	*recorded
	Participants []participantRecording `json:"participants"`
}

// A recorded says where a recording is.
type recorded struct {
	Recording string `json:"recording"` // a link that players open
	Player    string `json:"player"`    // plays it to whoever opens it
	Folder    string `json:"folder"`
}

type participantRecording struct {
	Name          string                     `json:"name"`
	ParticipantID string                     `json:"participantId"`
	State         ivsrealtime.RecordingState `json:"recordingState"`
	recorded
}

// ending waits until the recordings of the test participants are complete. c is the
// composition; nil where there was none.
func (u *setup) ending(ctx context.Context, c *ivsrealtime.Composition) (*ending, error) {
	e := &ending{}
	for _, token := range u.publishing {
		p, err := u.awaitRecording(ctx, token.ParticipantID)
		if err != nil {
			return nil, err
		}
		e.Participants = append(e.Participants, participantRecording{Name: u.names[token.ParticipantID], ParticipantID: token.ParticipantID, State: p.RecordingState})
		if e.Participants[len(e.Participants)-1].recorded, err = u.recorded(ctx, p.RecordingS3Prefix); err != nil {
			return nil, err
		}
	}
	if c == nil {
		return e, nil
	}
	composed, err := u.recorded(ctx, u.prefix)
	e.CompositionARN, e.State, e.recorded = c.ARN, c.State, &composed
	return e, err
}

// recorded is the recording at a prefix.
func (u *setup) recorded(ctx context.Context, prefix string) (r recorded, err error) {
	r.Folder = filepath.Join(u.settings.DataDir, "buckets", recordings, filepath.FromSlash(prefix))
	err = u.settings.WithStore(ctx, func(st *store.Store) (err error) {
		link := server.RecordingLink{Bucket: recordings, Prefix: prefix, File: recording.PlaylistName}
		r.Recording, err = link.URL(ctx, u.settings, st, u.Endpoint, time.Now().Add(recordingLinkTTL))
		return err
	})
	r.Player = player(u.Endpoint, r.Recording)
	return r, err
}

// awaitRecording waits until a participant is recorded no more.
func (u *setup) awaitRecording(ctx context.Context, id string) (*ivsrealtime.Participant, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := u.participant(ctx, id)
		if err != nil {
			return nil, err
		}
		if s := p.RecordingState; s == ivsrealtime.RecordingStopped || s == ivsrealtime.RecordingFailed {
			return p, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (u *setup) participant(ctx context.Context, id string) (*ivsrealtime.Participant, error) {
	sessions, err := u.client.ListStageSessions(ctx, &ivsrealtime.ListStageSessionsInput{StageARN: u.StageARN})
	if err != nil {
		return nil, err
	}
	if len(sessions.StageSessions) == 0 {
		return nil, errors.New("the stage has no session")
	}
	out, err := u.client.GetParticipant(ctx, &ivsrealtime.GetParticipantInput{StageARN: u.StageARN, SessionID: sessions.StageSessions[0].SessionID, ParticipantID: id})
	if err != nil {
		return nil, err
	}
	return out.Participant, nil
}

func (e *ending) announce(w io.Writer) {
	fmt.Fprintln(w)
	if e.recorded != nil {
		fmt.Fprintf(w, "The composition has ended (%s). Its recording:\n\n  %s\n  %s\n\n", e.State, e.Player, e.Folder)
	}
	for _, p := range e.Participants {
		fmt.Fprintf(w, "%s was recorded (%s):\n\n  %s\n  %s\n\n", p.Name, p.State, p.Player, p.Folder)
	}
	fmt.Fprint(w, "rostrum recordings verify checks such a folder, and rostrum recordings export writes it\ninto one MP4 file. Ctrl-C removes all.\n\n")
}
