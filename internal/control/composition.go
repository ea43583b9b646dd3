package control

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"path"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// StartComposition starts a composition of a stage. The same idempotency token
// returns the same response for 24 hours. A stage without publishers is no error:
// the composition then stops after a minute.
func (p *Plane) StartComposition(ctx context.Context, c Caller, in *ivsrealtime.StartCompositionInput) (*ivsrealtime.StartCompositionOutput, error) {
	key := store.IdempotencyKey{Owner: c.owner(), Operation: "StartComposition", Token: in.IdempotencyToken}
	parameters, err := fingerprint(*in)
	if err != nil {
		return nil, err
	}
	out := &ivsrealtime.StartCompositionOutput{}
	fresh := false
	err = p.store.Write(ctx, func(tx *store.Tx) error {
		if in.IdempotencyToken != "" {
			answer, err := tx.Answered(key, parameters)
			if err != nil || answer != nil {
				return errors.Join(err, json.Unmarshal(orNull(answer), out))
			}
		}
		composition, err := p.newComposition(tx, c, in)
		if err != nil {
			return err
		}
		fresh, out.Composition = true, composition
		if in.IdempotencyToken == "" {
			return nil
		}
		answer, err := json.Marshal(out)
		if err != nil {
			return err
		}
		return tx.KeepAnswer(key, parameters, answer)
	})
	if err != nil {
		return nil, err
	}
	if fresh {
		p.compositions.Run(out.Composition.ARN)
	}
	return out, nil
}

// fingerprint is a hash of the parameters of a request.
func fingerprint(in ivsrealtime.StartCompositionInput) ([]byte, error) {
	in.IdempotencyToken = ""
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}

func orNull(answer json.RawMessage) json.RawMessage {
	if answer == nil {
		return json.RawMessage("null")
	}
	return answer
}

// newComposition creates a composition that runs on this node. Quotas are checked
// in the same transaction, so that concurrent requests can't exceed them.
func (p *Plane) newComposition(tx *store.Tx, c Caller, in *ivsrealtime.StartCompositionInput) (*ivsrealtime.Composition, error) {
	if _, err := tx.Stages().Get(in.StageARN); err != nil {
		return nil, err
	}
	for _, d := range in.Destinations {
		if err := destinationExists(tx, d); err != nil {
			return nil, err
		}
	}
	if err := p.compositions.CanStart(); err != nil {
		return nil, err
	}
	name := arn.New(arn.Composition, c.Account, c.Region)
	stage, err := arn.Parse(in.StageARN)
	if err != nil {
		return nil, err
	}
	created := &ivsrealtime.Composition{
		ARN: name.String(), StageARN: in.StageARN, State: ivsrealtime.CompositionStarting,
		Layout: LayoutDefaults(in.Layout), Tags: tagsOf(in.Tags), StartTime: time.Now().UTC().Truncate(time.Second),
	}
	for _, d := range in.Destinations {
		id := arn.NewID() // of a bucket: nothing else exists
		dest := ivsrealtime.Destination{ID: id, State: ivsrealtime.DestinationStarting, Configuration: destinationDefaults(d)}
		if d.S3 != nil {
			dest.Detail = &ivsrealtime.DestinationDetail{S3: &ivsrealtime.S3Detail{RecordingPrefix: path.Join(stage.ID, name.ID, id, "composite")}}
		}
		created.Destinations = append(created.Destinations, dest)
	}
	if err := create(c, tx.Compositions(), created, p.limits.Compositions, "compositions"); err != nil {
		return nil, err
	}
	n, err := tx.Compositions().CountUsing(in.StageARN)
	if err != nil {
		return nil, err
	}
	if err := checkQuota(n-1, p.limits.CompositionsPerStage, "compositions of a stage"); err != nil {
		return nil, err
	}
	return created, p.compositions.Hold(tx, created.ARN)
}

func destinationExists(tx *store.Tx, d ivsrealtime.DestinationConfiguration) error {
	if d.Channel != nil {
		if _, err := tx.Channels().Get(d.Channel.ChannelARN); err != nil || d.Channel.EncoderConfigurationARN == "" {
			return err
		}
		_, err := tx.Encoders().Get(d.Channel.EncoderConfigurationARN)
		return err
	}
	if _, err := tx.Storages().Get(d.S3.StorageConfigurationARN); err != nil {
		return err
	}
	for _, name := range d.S3.EncoderConfigurationARNs {
		if _, err := tx.Encoders().Get(name); err != nil {
			return err
		}
	}
	return nil
}

// GetComposition returns a composition, until five minutes after its end.
func (p *Plane) GetComposition(ctx context.Context, _ Caller, in *ivsrealtime.GetCompositionInput) (*ivsrealtime.GetCompositionOutput, error) {
	composition, err := get(ctx, p, (*store.Tx).Compositions, in.ARN)
	return &ivsrealtime.GetCompositionOutput{Composition: composition}, err
}

// StopComposition stops a composition. It is no error if the composition is
// stopping or has stopped.
func (p *Plane) StopComposition(ctx context.Context, _ Caller, in *ivsrealtime.StopCompositionInput) (*ivsrealtime.StopCompositionOutput, error) {
	return &ivsrealtime.StopCompositionOutput{}, p.compositions.Stop(ctx, in.ARN)
}

// ListCompositions lists the caller's compositions, newest first.
func (p *Plane) ListCompositions(ctx context.Context, c Caller, in *ivsrealtime.ListCompositionsInput) (*ivsrealtime.ListCompositionsOutput, error) {
	var f store.Filter
	for _, used := range []string{in.FilterByStageARN, in.FilterByEncoderConfigurationARN} {
		if used != "" {
			f.Uses = append(f.Uses, used)
		}
	}
	q := listQuery{query: query{c, "ListCompositions", []string{in.FilterByStageARN, in.FilterByEncoderConfigurationARN}}, token: in.NextToken, maxResults: in.MaxResults, page: 100}
	all, next, err := list(ctx, p, q, resources((*store.Tx).Compositions, c, f))
	return &ivsrealtime.ListCompositionsOutput{NextToken: next, Compositions: each(all, func(x *ivsrealtime.Composition) ivsrealtime.CompositionSummary {
		return ivsrealtime.CompositionSummary{
			ARN: x.ARN, StageARN: x.StageARN, State: x.State, Tags: x.Tags, StartTime: x.StartTime, EndTime: x.EndTime,
			Destinations: each(x.Destinations, func(d *ivsrealtime.Destination) ivsrealtime.DestinationSummary {
				return ivsrealtime.DestinationSummary{ID: d.ID, State: d.State, StartTime: d.StartTime, EndTime: d.EndTime}
			}),
		}
	})}, err
}
