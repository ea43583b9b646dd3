package relay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// newPair returns the ends of one direction.
func newPair(t testing.TB) (*sealer, *opener) {
	t.Helper()
	asking, answering := bytes.Repeat([]byte{1}, secretSize), bytes.Repeat([]byte{2}, secretSize)
	var ends [2]*direction
	for i := range ends {
		var err error
		if ends[i], err = newDirection(asking, answering, 5, 6); err != nil {
			t.Fatal(err)
		}
	}
	return &sealer{direction: ends[0]}, newOpener(ends[1])
}

func sealText(t testing.TB, s *sealer, text string) []byte {
	t.Helper()
	b, err := s.seal(append(s.begin(nil), text...), 6)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeal_OpensOnceAndInAnyOrder(t *testing.T) {
	s, o := newPair(t)
	var all [][]byte
	for range 10 {
		all = append(all, sealText(t, s, "text"))
	}
	slices.Reverse(all)
	for i, b := range all {
		again := bytes.Clone(b)
		if plain, err := o.open(b); err != nil || string(plain) != "text" {
			t.Fatalf("datagram %d: %q, %v", i, plain, err)
		}
		if _, err := o.open(again); !errors.Is(err, errReplayed) {
			t.Errorf("datagram %d, once more: %v", i, err)
		}
	}
	if o.received != 10 || o.lost() != 0 {
		t.Errorf("received %d, lost %d", o.received, o.lost())
	}
}

func TestSeal_ForgedIsRefusedAndDoesNotMoveTheWindow(t *testing.T) {
	s, o := newPair(t)
	good := sealText(t, s, "text")
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if name, err := parseHeader(bad); err != nil || name != 6 {
			continue
		}
		if _, err := o.open(bad); err == nil {
			t.Errorf("byte %d was changed and nobody noticed", i)
		}
	}
	if plain, err := o.open(good); err != nil || string(plain) != "text" {
		t.Errorf("after forgeries: %q, %v", plain, err)
	}
	other, _ := newPair(t)
	other.direction.secret = bytes.Repeat([]byte{3}, secretSize)
	if _, err := o.open(sealText(t, other, "text")); err == nil {
		t.Error("a datagram of another key was taken")
	}
}

// What one node sends is never taken for what the other does.
func TestSeal_DirectionsDiffer(t *testing.T) {
	s, _ := newPair(t)
	back, err := newDirection(bytes.Repeat([]byte{1}, secretSize), bytes.Repeat([]byte{2}, secretSize), 6, 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newOpener(back).open(sealText(t, s, "text")); !errors.Is(err, errForged) {
		t.Errorf("a reflected datagram: %v", err)
	}
}

func TestSeal_TooOldIsRefused(t *testing.T) {
	s, o := newPair(t)
	old := sealText(t, s, "old")
	s.counter = 2 * replayWindow
	if _, err := o.open(sealText(t, s, "new")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.open(old); !errors.Is(err, errReplayed) {
		t.Errorf("an old datagram: %v", err)
	}
}

func TestSeal_KeysFollowFromTheCounter(t *testing.T) {
	s, o := newPair(t)
	for epoch := range uint64(5) {
		s.counter = (epoch+1)<<keyLifeBits - 1
		last, next := sealText(t, s, "last"), sealText(t, s, "next")
		for _, b := range [][]byte{next, last} { // disordered
			if _, err := o.open(b); err != nil {
				t.Errorf("key %d: %v", epoch, err)
			}
		}
	}
	if n := len(o.direction.keys); n > 3 {
		t.Errorf("%d keys are kept", n)
	}
	far := sealText(t, s, "far")
	binary.BigEndian.PutUint64(far[5:], 1<<60)
	if _, err := o.open(far); !errors.Is(err, errForged) || len(o.direction.keys) > 3 {
		t.Errorf("a counter that is far ahead: %v, %d keys", err, len(o.direction.keys))
	}
}

func FuzzOpen(f *testing.F) {
	s, _ := newPair(f)
	f.Add(sealText(f, s, "text"))
	f.Add([]byte{version})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, o := newPair(t)
		if _, err := parseHeader(b); err != nil {
			return
		}
		if plain, err := o.open(bytes.Clone(b)); err == nil && string(plain) != "text" {
			t.Errorf("%x was taken for authentic: %q", b, plain)
		}
	})
}
