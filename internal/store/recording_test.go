package store

import (
	"errors"
	"reflect"
	"testing"
)

// Whoever takes the recordings of a node has them alone, whatever the node does later.
func TestRecordings_BelongToOneNode(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		first := Recording{ID: "r", Node: "first", ParticipantID: "alice", Started: tenOClock}
		second := first
		second.Node = "second"
		write(t, s, func(tx *Tx) error { return tx.CreateRecording(&first) })
		write(t, s, func(tx *Tx) error {
			nodes, err := tx.Nodes()
			if len(nodes) != 1 || nodes[0].ID != "first" {
				t.Errorf("the nodes are %v", nodes)
			}
			taken, again := must(t)(tx.TakeRecording(&first, "second")), must(t)(tx.TakeRecording(&first, "third"))
			if !taken || again {
				t.Errorf("taken %v, and again %v", taken, again)
			}
			if must(t)(tx.UpdateRecording(&first)) || must(t)(tx.DeleteRecording(&first)) {
				t.Error("a node changes a recording that another has")
			}
			if !must(t)(tx.UpdateRecording(&second)) {
				t.Error("a node can't change its recording")
			}
			return err
		})
		write(t, s, func(tx *Tx) error {
			all, err := tx.Recordings("second")
			if len(all) != 1 || !reflect.DeepEqual(all[0], second) {
				t.Errorf("the recordings are %+v", all)
			}
			if !must(t)(tx.HasRecording("r")) || !must(t)(tx.DeleteRecording(&second)) || must(t)(tx.HasRecording("r")) {
				t.Error("the recording is not deleted")
			}
			none, otherwise := tx.Recordings("first")
			if len(none) != 0 {
				t.Errorf("the first node has %+v", none)
			}
			return errors.Join(err, otherwise)
		})
	})
}

// must returns what a call returned, unless that was an error.
func must(t *testing.T) func(is bool, err error) bool {
	return func(is bool, err error) bool {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
}
