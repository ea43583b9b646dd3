package ivsrealtime

import (
	"context"
	"fmt"
	"iter"
)

// A listInput requests one page: the first, or that of its token.
type listInput[In any] interface {
	*In
	token() *string
}

// A listOutput is one page, with the token of the next; empty on the last.
type listOutput[Item any] interface {
	page() (items []Item, next string)
}

// pages iterates over the pages of a list. A repeated token is an error: a faulty
// server must not cause an endless loop.
func pages[In any, Out listOutput[Item], Item any, I listInput[In]](
	ctx context.Context, c *Client, op Operation[In, Out], in I, options []CallOption,
) iter.Seq2[*Out, error] {
	return func(yield func(*Out, error) bool) {
		var ask In // a copy: the caller's input is not changed
		if in != nil {
			ask = *in
		}
		for {
			out, err := call(ctx, c, op, &ask, options)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(out, nil) {
				return
			}
			_, next := (*out).page()
			if next == "" {
				return
			}
			token := I(&ask).token()
			if next == *token {
				yield(nil, fmt.Errorf("%s: the page of token %q is to be followed by itself", op.Name, next))
				return
			}
			*token = next
		}
	}
}

// items iterates over the items of the pages.
func items[In any, Out listOutput[Item], Item any, I listInput[In]](
	ctx context.Context, c *Client, op Operation[In, Out], in I, options []CallOption,
) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for out, err := range pages(ctx, c, op, in, options) {
			if err != nil {
				var none Item
				yield(none, err)
				return
			}
			all, _ := (*out).page()
			for _, item := range all {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}
