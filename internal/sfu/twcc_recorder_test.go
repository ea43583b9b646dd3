package sfu

import (
	"encoding/binary"
	"maps"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// parseFeedback returns when each packet arrived, by a report; -1 for missing.
func parseFeedback(t *testing.T, b []byte) map[uint16]int64 {
	t.Helper()
	var r rtcp.TransportLayerCC
	if err := r.Unmarshal(b); err != nil {
		t.Fatalf("%v: %x", err, b)
	}
	at, i, got := int64(r.ReferenceTime)*64e6, 0, map[uint16]int64{}
	number := r.BaseSequenceNumber
	forEachStatus(&r, func(symbol uint16) {
		got[number] = -1
		if symbol != rtcp.TypeTCCPacketNotReceived {
			at += r.RecvDeltas[i].Delta * 1000
			got[number] = at / 1e6
			i++
		}
		number++
	})
	return got
}

func TestTWCCRecorder_ReportsReorderedPacketsInTheNextReport(t *testing.T) {
	type arrival struct {
		number uint16
		at     int64 // ms
	}
	for name, c := range map[string]struct{ before, after []arrival }{
		"a reordered packet":      {[]arrival{{1, 1000}, {2, 1010}, {4, 1030}}, []arrival{{3, 1060}, {5, 1070}}},
		"across the wraparound":   {[]arrival{{65534, 1000}, {65535, 1010}, {1, 1030}}, []arrival{{0, 1060}}},
		"before the first packet": {[]arrival{{8, 1000}}, []arrival{{7, 1010}, {9, 1020}}},
	} {
		var a twccRecorder
		want := map[uint16]int64{}
		for _, p := range c.before {
			a.record(binary.BigEndian.AppendUint16(nil, p.number), time.Duration(p.at)*time.Millisecond)
		}
		parseFeedback(t, a.appendFeedback(nil, 1))
		for _, p := range c.after {
			a.record(binary.BigEndian.AppendUint16(nil, p.number), time.Duration(p.at)*time.Millisecond)
		}
		from := c.after[0].number
		for _, p := range append(c.before, c.after...) {
			if int16(p.number-from) >= 0 {
				want[p.number] = p.at
			}
		}
		if got := parseFeedback(t, a.appendFeedback(nil, 1)); !maps.Equal(got, want) {
			t.Errorf("%s: the next report name %v, want %v", name, got, want)
		}
		if b := a.appendFeedback(nil, 1); len(b) != 0 {
			t.Errorf("%s: nothing arrived, but %v is reported", name, parseFeedback(t, b))
		}
	}
}

func TestTWCCRecorder_DoesNotReportPacketsOfAnEarlierWindow(t *testing.T) {
	var a twccRecorder
	for n := range uint16(2 * twccWindow) {
		if n < twccWindow || n%2 == 0 {
			a.record(binary.BigEndian.AppendUint16(nil, n), time.Duration(n)*time.Millisecond)
		}
		if n%50 == 0 {
			a.appendFeedback(nil, 1)
		}
	}
	for number, at := range parseFeedback(t, a.appendFeedback(nil, 1)) {
		if want := int64(number); number%2 == 1 {
			if at != -1 {
				t.Errorf("packet %d, which never arrived, is reported at %d", number, at)
			}
		} else if at != want {
			t.Errorf("packet %d is reported at %d, want %d", number, at, want)
		}
	}
}
