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

// onAirVerb lists the channels that are on air. It reads the store itself, also while
// servers run on it, and so knows those of all nodes.
type onAirVerb struct {
	Settings config.Settings `embed:""`
}

// liveChannel is a channel that is on air, as printed.
type liveChannel struct {
	ARN      string      `json:"channelArn"`
	Name     string      `json:"name"`
	StreamID string      `json:"streamId"`
	Push     *store.Push `json:"push,omitempty"`
}

// Run lists the account's, oldest first.
func (v *onAirVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		live := []liveChannel{}
		err := st.Read(ctx, func(tx *store.Tx) error {
			names, err := tx.LiveChannels()
			if err != nil {
				return err
			}
			for _, name := range names {
				if at, err := arn.Parse(name); err != nil || at.Account != string(v.Settings.Account) {
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
		return out.say(live, func(w io.Writer) { tabulateLive(w, live, time.Now()) })
	})
}

func tabulateLive(w io.Writer, live []liveChannel, now time.Time) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "CHANNEL\tNAME\tSTREAM\tSENT ON TO")
	for _, c := range live {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\n", c.ARN, c.Name, c.StreamID, pushed(c.Push, now))
	}
	tab.Flush()
}

// pushed tells how it goes with a push.
func pushed(p *store.Push, now time.Time) string {
	switch {
	case p == nil:
		return ""
	case p.Up:
		return fmt.Sprintf("%s, for %s", p.Host, now.Sub(p.Since).Round(time.Second))
	}
	return fmt.Sprintf("%s, interrupted for %s: %s", p.Host, now.Sub(p.Since).Round(time.Second), p.Reason)
}
