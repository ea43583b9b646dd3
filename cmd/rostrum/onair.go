package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/config"
	"rostrum/internal/store"
)

// onAirCommand lists the channels that are live. It reads the store directly, also while
// servers run on it, and so lists those of all nodes.
type onAirCommand struct {
	Settings config.Settings `embed:""`
}

// A liveChannel is a channel that is live, as printed.
type liveChannel struct {
	ARN      string      `json:"channelArn"`
	Name     string      `json:"name"`
	StreamID string      `json:"streamId"`
	Push     *store.Push `json:"push,omitempty"`
}

// Run lists the account's, oldest first.
func (c *onAirCommand) Run(ctx context.Context, out *output) error {
	return c.Settings.WithStore(ctx, func(st *store.Store) error {
		live := []liveChannel{}
		err := st.Read(ctx, func(tx *store.Tx) error {
			names, err := tx.LiveChannels()
			if err != nil {
				return err
			}
			for _, name := range names {
				if at, err := arn.Parse(name); err != nil || at.Account != string(c.Settings.Account) {
					continue
				}
				c, err := tx.Channels().Get(name)
				if err != nil {
					return err
				}
				live = append(live, liveChannel{c.ARN, c.Name, c.StreamID, c.Push})
			}
			return nil
		})
		if err != nil {
			return err
		}
		return out.print(live, func(w io.Writer) { tabulateLive(w, live, time.Now()) })
	})
}

func tabulateLive(w io.Writer, live []liveChannel, now time.Time) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "CHANNEL\tNAME\tSTREAM\tPUSHED TO")
	for _, c := range live {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\n", c.ARN, c.Name, c.StreamID, pushed(c.Push, now))
	}
	tab.Flush()
}

// pushed describes the state of a push.
func pushed(p *store.Push, now time.Time) string {
	switch {
	case p == nil:
		return ""
	case p.Up:
		return fmt.Sprintf("%s, for %s", p.Host, now.Sub(p.Since).Round(time.Second))
	}
	return fmt.Sprintf("%s, interrupted for %s: %s", p.Host, now.Sub(p.Since).Round(time.Second), p.Reason)
}
