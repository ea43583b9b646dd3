package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/store"
)

// nodesCommand lists the nodes of the database. It reads the store directly.
type nodesCommand struct {
	Settings config.Settings `embed:""`
}

// A listedNode is a node, as printed.
type listedNode struct {
	ID            string    `json:"nodeId"`
	Public        string    `json:"publicUrl"`
	Internal      string    `json:"nodeAddress,omitempty"`
	Version       string    `json:"version"`
	Started       time.Time `json:"startTime"`
	SilentSeconds float64   `json:"silentSeconds"` // since the last heartbeat
	Sessions      int       `json:"sessions"`
	Participants  int       `json:"participants"`
}

// Run lists them, the oldest first.
func (c *nodesCommand) Run(ctx context.Context, out *output) error {
	return c.Settings.WithStore(ctx, func(st *store.Store) error {
		nodes := []listedNode{}
		err := st.Read(ctx, func(tx *store.Tx) error {
			all, err := tx.NodeStatuses()
			for _, n := range all {
				nodes = append(nodes, listedNode{
					n.ID, n.Public, n.Internal, n.Version, n.Started, n.Silent.Seconds(), n.Sessions, n.Participants,
				})
			}
			return err
		})
		if err != nil {
			return err
		}
		return out.print(nodes, func(w io.Writer) { tabulateNodes(w, nodes, time.Now()) })
	})
}

func tabulateNodes(w io.Writer, nodes []listedNode, now time.Time) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "NODE\tPUBLIC URL\tADDRESS FOR NODES\tVERSION\tRUNS FOR\tLAST HEARTBEAT\tSESSIONS\tPARTICIPANTS")
	for _, n := range nodes {
		silent := time.Duration(n.SilentSeconds * float64(time.Second)).Round(100 * time.Millisecond)
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%v\t%v ago\t%d\t%d\n",
			n.ID, n.Public, n.Internal, n.Version, now.Sub(n.Started).Round(time.Second), silent, n.Sessions, n.Participants)
	}
	tab.Flush()
}
