package ingest

import (
	"testing"
	"time"
)

func TestCheckAAC_RefusesWhatCannotBeDecoded(t *testing.T) {
	for _, c := range []struct {
		name   string
		config string
		ok     bool
	}{
		{"AAC-LC, 48 kHz stereo", "\x11\x90", true},
		{"AAC-LC, 22.05 kHz mono", "\x13\x88", true},
		{"AAC-LC, 96 kHz", "\x10\x10", true},
		{"AAC-LC, 48 kHz 5.1", "\x11\xb0", true},
		{"HE-AAC, signalled", "\x2b\x11\x88\x00", true},
		{"HE-AAC v2, signalled", "\xeb\x09\x88\x00", true},
		{"AAC Main", "\x09\x90", false},
		{"AAC-LD", "\xb9\x90", false},
		{"a rate of 1 Hz", "\x17\x80\x00\x00\x90", false},
		{"a rate of 16 MHz", "\x17\xff\xff\xff\x90", false},
		{"nothing", "", false},
		{"half of it", "\x11", false},
	} {
		if err := checkAAC([]byte(c.config)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCheckOpus_RefusesMoreChannelsThanTwo(t *testing.T) {
	header := func(channels, family byte) []byte {
		return append([]byte("OpusHead\x01"), channels, 0x38, 1, 0x80, 0xbb, 0, 0, 0, 0, family)
	}
	for _, c := range []struct {
		header []byte
		ok     bool
	}{{header(1, 0), true}, {header(2, 0), true}, {header(6, 1), false}, {header(2, 255), false}, {header(0, 0), false}, {header(2, 0)[:18], false}, {nil, false}} {
		if err := checkOpus(c.header); (err == nil) != c.ok {
			t.Errorf("%x: %v", c.header, err)
		}
	}
}

// Timestamps are in milliseconds, and drift against the durations of packets by a few.
func TestOpusClock_ContinuesWithTheDurationsOfPackets(t *testing.T) {
	var c opusClock
	const packet = 2500 * time.Microsecond
	last := c.time(time.Second, packet)
	for n := range 100_000 {
		at := time.Second + time.Duration(n+1)*(packet+250*time.Nanosecond) // 100 ppm
		got := c.time(at.Truncate(time.Millisecond), packet)
		if d := got - at; d < -20*time.Millisecond || d > 20*time.Millisecond {
			t.Fatalf("packet %d is off by %v", n, d)
		}
		if step := got - last; step != packet && (step < packet || step > packet+20*time.Millisecond) {
			t.Fatalf("packet %d comes %v after the one before", n, step)
		}
		last = got
	}
	if got := c.time(last+time.Second, packet); got != last+time.Second {
		t.Errorf("after a pause a packet has the time %v", got-last)
	}
}

func FuzzCheckAAC(f *testing.F) {
	for _, config := range []string{"\x11\x90", "\x2b\x11\x88\x00", "\xeb\x09\x88\x00", "\x17\xff\xff\xff\x90", "\x12\x00\x05\x88\x00"} {
		f.Add([]byte(config))
	}
	f.Fuzz(func(_ *testing.T, config []byte) {
		_, _ = checkAAC(config), checkOpus(config)
	})
}
