package control

import (
	"context"

	"rostrum/internal/arn"
	"rostrum/internal/store"
)

// A listQuery is a request for one page of a list.
type listQuery struct {
	query
	of         string // the stage whose items are listed; empty for the caller's own resources
	token      string
	maxResults *int
	page       int // default of maxResults
}

// list reads one page of the store and makes the token of the next.
func list[T any](ctx context.Context, p *Plane, q listQuery, read func(*store.Tx, store.Page) ([]T, int64, error)) ([]T, string, error) {
	return paged(p, q, func(page store.Page) (items []T, next int64, err error) {
		err = p.store.Read(ctx, func(tx *store.Tx) error {
			items, next, err = read(tx, page)
			return err
		})
		return items, next, err
	})
}

// paged reads one page and makes the token of the next.
func paged[T any](p *Plane, q listQuery, read func(store.Page) ([]T, int64, error)) ([]T, string, error) {
	after, err := p.pager.open(q.query, q.token)
	if err != nil {
		return nil, "", err
	}
	if a, err := arn.Parse(q.of); err == nil && a.Region != q.caller.Region {
		return nil, "", nil // the stage does not exist in this region
	}
	items, next, err := read(store.Page{After: after, Limit: *or(q.maxResults, q.page)})
	return items, p.pager.seal(q.query, next), err
}

// resources reads pages of one kind of resource.
func resources[T any](kind func(*store.Tx) store.Resources[T], c Caller, f store.Filter) func(*store.Tx, store.Page) ([]T, int64, error) {
	return func(tx *store.Tx, page store.Page) ([]T, int64, error) { return kind(tx).List(c.owner(), f, page) }
}

// each converts the items of a list for the response. It is never nil: an empty
// list is [] in JSON.
func each[T, S any](items []T, show func(*T) S) []S {
	all := make([]S, len(items))
	for i := range items {
		all[i] = show(&items[i])
	}
	return all
}
