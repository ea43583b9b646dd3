package control

import (
	"context"

	"rostrum/internal/arn"
	"rostrum/internal/store"
)

// A listQuery is one page that a list operation was asked for.
type listQuery struct {
	query
	of    string // the stage whose things are listed; empty for the caller's own resources
	token string
	most  *int // maxResults
	page  int  // items of a page unless told
}

// list reads one page and seals the token of the next.
func list[T any](ctx context.Context, p *Plane, q listQuery, read func(*store.Tx, store.Page) ([]T, int64, error)) ([]T, string, error) {
	after, err := p.pager.open(q.query, q.token)
	if err != nil {
		return nil, "", err
	}
	if a, err := arn.Parse(q.of); err == nil && a.Region != q.caller.Region {
		return nil, "", nil // in this region there is no such stage
	}
	page := store.Page{After: after, Limit: *or(q.most, q.page)}
	var items []T
	var next int64
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		items, next, err = read(tx, page)
		return err
	})
	return items, p.pager.seal(q.query, next), err
}

// resources reads pages of one kind of resource.
func resources[T any](kind func(*store.Tx) store.Resources[T], c Caller, f store.Filter) func(*store.Tx, store.Page) ([]T, int64, error) {
	return func(tx *store.Tx, page store.Page) ([]T, int64, error) { return kind(tx).List(c.owner(), f, page) }
}

// each turns the items of a list into what the answer shows of them; never
// nil, since an empty list is [] on the wire.
func each[T, S any](items []T, show func(*T) S) []S {
	all := make([]S, len(items))
	for i := range items {
		all[i] = show(&items[i])
	}
	return all
}
