package realtime

import (
	"bytes"
	"reflect"
	"testing"
)

func TestSample_ReturnsTheSEIThatWasInserted(t *testing.T) {
	picture := []byte{0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 4, 5, 6}
	for name, payload := range map[string][]byte{
		"text":                 []byte("hello"),
		"one byte":             {7},
		"zeros":                make([]byte, 300),
		"start codes":          bytes.Repeat([]byte{0, 0, 1, 0, 0, 0, 3, 0, 0, 2}, 50),
		"a length of 255":      make([]byte, 255-16),
		"the longest":          bytes.Repeat([]byte{0xFF}, maxSEIPayload),
		"zeros before the end": {1, 0, 0},
	} {
		track := NewTrack(H264, "hi", "low")
		m := SEIMessage{UUID: [16]byte{0, 0, 0, 1, 15: 9}, Payload: payload}
		if err := track.InsertSEI(m, 1); err != nil {
			t.Fatal(err)
		}
		for _, l := range track.layers {
			for n, want := range [][]SEIMessage{{m}, {m}, nil} {
				sent := l.withSEI(picture)
				if got := (Sample{Data: sent}).SEI(); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: picture %d has %v, want %v", name, n, got, want)
				}
				if !bytes.HasPrefix(sent, picture[:12]) || !bytes.HasSuffix(sent, picture[12:]) {
					t.Errorf("%s: picture %d is not after its parameter sets and before its slice: %x", name, n, sent)
				}
			}
		}
	}
}

func TestLocalTrack_RefusesSEIThatDoesNotFit(t *testing.T) {
	fits := SEIMessage{Payload: []byte{1}}
	for name, err := range map[string]error{
		"audio":            NewTrack(Opus).InsertSEI(fits, 0),
		"nothing":          NewTrack(H264).InsertSEI(SEIMessage{}, 0),
		"1024 bytes":       NewTrack(H264).InsertSEI(SEIMessage{Payload: make([]byte, 1024)}, 0),
		"too many repeats": NewTrack(H264).InsertSEI(fits, 31),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	track := NewTrack(H264)
	for range maxSEIWaiting {
		if err := track.InsertSEI(fits, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := track.InsertSEI(fits, 0); err == nil {
		t.Errorf("more than %d messages wait", maxSEIWaiting)
	}
}

func FuzzSample_SEI(f *testing.F) {
	f.Add([]byte{0, 0, 1, 6, 5, 17, 0, 0, 3, 0, 0, 3, 0, 0, 3, 0, 0, 3, 0, 0, 3, 0, 0, 3, 0, 0, 3, 0, 0, 3, 1, 0x80})
	f.Add([]byte{0, 0, 1, 6, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range (Sample{Data: data}).SEI() {
			if len(m.Payload) == 0 || len(m.Payload) > len(data) {
				t.Errorf("a payload of %d bytes in %d", len(m.Payload), len(data))
			}
		}
	})
}

// What is not received does not grow: it is dropped and counted.
func TestEventQueue_CountsWhatItDrops(t *testing.T) {
	q := newEventQueue()
	for range maxEvents + 5 {
		q.add(ActiveSpeaker{})
	}
	for range maxEvents {
		<-q.out
	}
	q.add(ActiveSpeaker{"bob"})
	q.close()
	q.add(ActiveSpeaker{"too late"})
	var got []Event
	for e := range q.out {
		got = append(got, e)
	}
	if want := []Event{Missed{5}, ActiveSpeaker{"bob"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
}

func TestLocalTrack_PausedLayerKeepsNoSEI(t *testing.T) {
	track := NewTrack(H264, "hi", "low")
	hi, low := track.layers[0], track.layers[1]
	insert := func() {
		t.Helper()
		if err := track.InsertSEI(SEIMessage{Payload: []byte{1}}, 0); err != nil {
			t.Fatal(err)
		}
	}
	insert()
	track.pauseLayers([]string{"hi"})
	low.sei = nil // as if a picture was sent
	for range maxSEIWaiting {
		insert()
	}
	if len(hi.sei) != 0 || len(low.sei) != maxSEIWaiting {
		t.Errorf("%d messages wait in the paused layer, %d in the other", len(hi.sei), len(low.sei))
	}
}
