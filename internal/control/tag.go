package control

import (
	"context"
	"maps"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// TagResource adds tags to a resource, or changes those it has.
func (p *Plane) TagResource(ctx context.Context, _ Caller, in *ivsrealtime.TagResourceInput) (*ivsrealtime.TagResourceOutput, error) {
	err := p.retag(ctx, in.ResourceARN, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		if n := len(tags); n > ivsrealtime.MaxTags {
			return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "tags would give %s %d tags, it can have at most %d", in.ResourceARN, n, ivsrealtime.MaxTags)
		}
		if name, err := arn.Parse(in.ResourceARN); err == nil && name.Type == arn.Channel {
			return p.checkPushTag(tags)
		}
		return nil
	})
	return &ivsrealtime.TagResourceOutput{}, err
}

// UntagResource removes tags. Unknown keys are ignored.
func (p *Plane) UntagResource(ctx context.Context, _ Caller, in *ivsrealtime.UntagResourceInput) (*ivsrealtime.UntagResourceOutput, error) {
	err := p.retag(ctx, in.ResourceARN, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
	return &ivsrealtime.UntagResourceOutput{}, err
}

func (p *Plane) retag(ctx context.Context, name string, change func(map[string]string) error) error {
	return p.store.Write(ctx, func(tx *store.Tx) error {
		tags, err := tx.Tags(name)
		if err != nil {
			return err
		}
		if err := change(tags); err != nil {
			return err
		}
		return tx.SetTags(name, tags)
	})
}

// ListTagsForResource lists the tags of a resource.
func (p *Plane) ListTagsForResource(ctx context.Context, _ Caller, in *ivsrealtime.ListTagsForResourceInput) (out *ivsrealtime.ListTagsForResourceOutput, err error) {
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		tags, err := tx.Tags(in.ResourceARN)
		out = &ivsrealtime.ListTagsForResourceOutput{Tags: tags}
		return err
	})
	return out, err
}
