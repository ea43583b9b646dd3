package realtime

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"rostrum/internal/media"
	"rostrum/internal/testpattern"
)

func TestReorder_ReturnsPacketsInOrderAndCountsLosses(t *testing.T) {
	type step struct {
		sequence uint16
		ms       int // when it arrives
		want     string
	}
	for _, c := range []struct {
		name  string
		steps []step
		late  uint64
	}{
		{"in order", []step{{5, 0, "5"}, {6, 1, "6"}, {7, 2, "7"}}, 0},
		{"two are swapped", []step{{5, 0, "5"}, {7, 1, ""}, {6, 2, "6 7"}}, 0},
		{"a duplicate", []step{{5, 0, "5"}, {5, 1, ""}, {6, 2, "6"}}, 1},
		{"a duplicate while waiting", []step{{5, 0, "5"}, {7, 1, ""}, {7, 1, ""}, {6, 2, "6 7"}}, 1},
		{"the numbers wrap", []step{{65535, 0, "65535"}, {1, 1, ""}, {0, 2, "0 1"}}, 0},
		{"one is lost", []step{{5, 0, "5"}, {7, 10, ""}, {8, 100, ""}, {9, 260, "7-1 8 9"}}, 0},
		{"three are lost across the wrap", []step{{65534, 0, "65534"}, {2, 10, ""}, {3, 300, "2-3 3"}}, 0},
		{"a lost one comes late", []step{{5, 0, "5"}, {7, 10, ""}, {8, 260, "7-1 8"}, {6, 270, ""}}, 1},
		{"two gaps, lost one after the other", []step{{5, 0, "5"}, {7, 0, ""}, {9, 200, ""}, {10, 250, "7-1"}, {11, 450, "9-1 10 11"}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r reorder
			start := time.Unix(0, 0)
			for i, s := range c.steps {
				var got bytes.Buffer
				for _, a := range r.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: s.sequence}}, start.Add(time.Duration(s.ms)*time.Millisecond)) {
					if got.Len() > 0 {
						got.WriteByte(' ')
					}
					fmt.Fprint(&got, a.packet.SequenceNumber)
					if a.lost > 0 {
						fmt.Fprintf(&got, "-%d", a.lost)
					}
				}
				if got.String() != s.want {
					t.Fatalf("step %d gives %q, want %q", i, got.String(), s.want)
				}
			}
			if r.late != c.late {
				t.Errorf("%d came late, want %d", r.late, c.late)
			}
		})
	}
}

func TestRemoteTrack_RecoversPacketsFromRED(t *testing.T) {
	const ms = time.Millisecond
	type step struct {
		number, frame int // the sequence number, and the newest frame; -1 for padding
		repeats       int // earlier frames in it
		at            time.Duration
	}
	for _, c := range []struct {
		name            string
		steps           []step
		want            string
		lost, recovered uint64
	}{
		{"nothing is missing", []step{{0, 0, 0, 0}, {1, 1, 1, 20 * ms}, {2, 2, 2, 40 * ms}}, "0 1 2", 0, 0},
		{"one is missing", []step{{0, 0, 0, 0}, {2, 2, 2, 40 * ms}, {3, 3, 2, 60 * ms}}, "0 1 2 3", 0, 1},
		{"two are missing", []step{{0, 0, 0, 0}, {3, 3, 2, 60 * ms}}, "0 1 2 3", 0, 2},
		{"two are missing, and one is repeated", []step{{0, 0, 0, 0}, {3, 3, 1, 60 * ms}, {4, 4, 1, 400 * ms}}, "0 2 3 4", 1, 1},
		{"it comes late", []step{{0, 0, 0, 0}, {2, 2, 1, 40 * ms}, {1, 1, 1, 50 * ms}}, "0 1 2", 0, 1},
		{"padding has numbers too", []step{{0, 0, 0, 0}, {2, -1, 0, 40 * ms}, {3, 2, 1, 60 * ms}}, "0 1 2", 0, 1},
		{"padding is missing", []step{{0, 0, 0, 0}, {2, 1, 1, 40 * ms}, {3, 2, 2, 400 * ms}}, "0 1 2", 1, 0},
		{"the first packets repeat earlier ones", []step{{5, 5, 2, 0}, {6, 6, 2, 20 * ms}}, "5 6", 0, 0},
		{"the numbers wrap", []step{{65534, 0, 0, 0}, {65537, 3, 2, 60 * ms}}, "0 1 2 3", 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newRemoteTrack(media.Opus)
			var got []string
			begin := time.Unix(0, 0)
			for _, s := range c.steps {
				p := &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(s.number), Timestamp: 4294967000 + uint32(s.frame)*960, PayloadType: redPayloadType}}
				if s.frame >= 0 {
					p.Payload = redundant(s.frame, s.repeats)
				} else {
					p.PayloadType = 111
				}
				for _, f := range in.receive(p, begin.Add(s.at), begin).samples {
					got = append(got, string(f.Data))
					if n := (f.Timestamp - 4294967000) / 960; fmt.Sprint(n) != string(f.Data) {
						t.Errorf("frame %s has the timestamp of %d", f.Data, n)
					}
				}
			}
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("the frames are %q, want %q", got, c.want)
			}
			if s := in.Stats(); s.Lost != c.lost || s.Recovered != c.recovered {
				t.Errorf("%d are lost and %d recovered, want %d and %d", s.Lost, s.Recovered, c.lost, c.recovered)
			}
		})
	}
}

// redundant is a RED payload of a frame and those before it.
func redundant(frame, repeats int) []byte {
	var older []media.REDBlock
	for k := min(repeats, frame); k > 0; k-- {
		older = append(older, media.REDBlock{TimestampOffset: uint32(k) * 960, Data: fmt.Append(nil, frame-k)})
	}
	payload := media.AppendREDPrefix(nil, older)
	media.SetREDPayloadType(payload, 111)
	return fmt.Append(payload, frame)
}

// packets are the RTP packets of n pattern pictures, a keyframe every five.
func packets(t testing.TB, n int) (all []*rtp.Packet, units [][]byte) {
	t.Helper()
	v, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180, FPS: 10, Bitrate: 300_000, Keyframe: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	payloader := newPayloader(media.H264)
	sequence := uint16(65530)
	for i := range n {
		unit, _ := v.Frame(uint32(i), time.Unix(int64(i), 0), false)
		units = append(units, unit)
		payloads := payloader.Payload(maxPayload, unit)
		for k, p := range payloads {
			h := rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: 4294960000 + uint32(i)*9000, Marker: k == len(payloads)-1}
			all = append(all, &rtp.Packet{Header: h, Payload: p})
			sequence++
		}
	}
	return all, units
}

func TestAssembler_ReturnsTheSentFrames(t *testing.T) {
	all, units := packets(t, 12)
	a := newAssembler(media.H264)
	n := 0
	for _, p := range all {
		f, complete, needKeyframe := a.add(arrival{packet: p})
		if needKeyframe && complete {
			t.Fatal("a frame is complete and can't be decoded")
		}
		if !complete {
			continue
		}
		if !bytes.Equal(f.Data, units[n]) {
			t.Fatalf("frame %d has %d bytes, %d were sent, or others", n, len(f.Data), len(units[n]))
		}
		if want := time.Duration(n) * 100 * time.Millisecond; f.Time != want || f.Keyframe != (n%5 == 0) {
			t.Errorf("frame %d is at %v, keyframe %v; want %v", n, f.Time, f.Keyframe, want)
		}
		if m, ok := testpattern.Find(f.Data); !ok || m.Frame != uint32(n) || m.Sent.Unix() != int64(n) {
			t.Errorf("frame %d is marked %+v, %v", n, m, ok)
		}
		n++
	}
	if n != len(units) {
		t.Errorf("%d frames came out, want %d", n, len(units))
	}
}

func TestAssembler_ReturnsOnlyAKeyframeAfterALoss(t *testing.T) {
	all, _ := packets(t, 12)
	for missing := range all {
		a := newAssembler(media.H264)
		var got []int
		for i, p := range all {
			if i == missing {
				continue
			}
			in := arrival{packet: p}
			if i == missing+1 {
				in.lost = 1
			}
			f, complete, _ := a.add(in)
			if !complete {
				continue
			}
			m, _ := testpattern.Find(f.Data)
			got = append(got, int(m.Frame))
		}
		broken := int(all[missing].Timestamp-all[0].Timestamp) / 9000
		for _, n := range got {
			if n >= broken && n < broken-broken%5+5 {
				t.Errorf("packet %d of frame %d is missing, but frame %d is returned: %v", missing, broken, n, got)
			}
		}
		if want := 12 - (min(12, broken-broken%5+5) - broken); len(got) < want-1 {
			t.Errorf("packet %d of frame %d is missing, and only %v are returned", missing, broken, got)
		}
	}
}

func TestArrivalStats_CountsFreezes(t *testing.T) {
	var p arrivalStats
	now := time.Unix(0, 0)
	total := time.Duration(0)
	for _, ms := range []int{0, 33, 33, 33, 33, 33, 33, 33, 180, 33, 400, 33} {
		now = now.Add(time.Duration(ms) * time.Millisecond)
		total += p.frame(now)
	}
	if total != 400*time.Millisecond {
		t.Errorf("frozen for %v, want 400ms: 180 are not 150 more than the average", total)
	}
}

func TestSenderClock_FollowsTheTimestampAcrossItsWrap(t *testing.T) {
	c := senderClock{known: true, ntp: uint64(1_700_000_000+ntpToUnix)<<32 | 1<<31, rtp: 4294967290}
	for ticks, want := range map[uint32]time.Duration{0: 500 * time.Millisecond, 90: 501 * time.Millisecond, 90_000: 1500 * time.Millisecond} {
		at, ok := c.at(4294967290+ticks, 90_000)
		if got := at.Sub(time.Unix(1_700_000_000, 0)); !ok || got != want {
			t.Errorf("%d ticks later is %v, want %v", ticks, got, want)
		}
	}
}

func TestParseLinks_FindsICEServersAmongOthers(t *testing.T) {
	got := parseLinks([]string{
		`<https://x/>; rel=next, <stun:s.example:3478>; rel="ice-server"`,
		`<turn:t.example?transport=udp>; rel="ice-server"; username="a b"; credential="p\"q,;<"; credential-type="password" , <turns:t.example:443?transport=tcp>;rel=ice-server;username=u;credential=c`,
		`<broken`, `; rel=ice-server`, `<>;rel=ice-server`,
	})
	want := []ICEServer{{URL: "stun:s.example:3478"}, {"turn:t.example?transport=udp", "a b", `p"q,;<`}, {"turns:t.example:443?transport=tcp", "u", "c"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func FuzzParseLinks(f *testing.F) {
	f.Add(`<turn:t.example>; rel="ice-server"; username="a\"b"; credential=c, <x>;y=`)
	f.Fuzz(func(t *testing.T, s string) { parseLinks([]string{s}) })
}

// FuzzAssembler checks that no payload of a server crashes the client.
func FuzzAssembler(f *testing.F) {
	all, _ := packets(f, 6)
	for _, p := range all[:4] {
		f.Add(uint8(media.H264), p.Payload, true)
	}
	f.Add(uint8(media.VP8), []byte{0x90, 0x80, 0x01, 0x00, 0x9d, 0x01, 0x2a}, true)
	f.Add(uint8(media.VP9), []byte{0x8f, 0x80, 0x01, 0x82, 0x49}, true)
	f.Add(uint8(media.AV1), []byte{0x18, 0x0a, 0x0b, 0x00}, true)
	f.Add(uint8(media.Opus), []byte{0xfc, 0xff, 0xfe}, false)
	f.Add(uint8(media.Opus), redundant(5, 2), true)
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte, marker bool) {
		c := media.Codec(codec)
		if c == media.NoCodec || c > media.AV1 {
			return
		}
		in := newRemoteTrack(c)
		for i := range 3 {
			p := &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(2 * i), Timestamp: uint32(i) * 3000, Marker: marker}, Payload: payload}
			if c == media.Opus && marker {
				p.PayloadType = redPayloadType
			}
			in.receive(p, time.Unix(int64(i), 0), time.Unix(0, 0))
		}
	})
}

func TestLocalTrack_TimestampsFollowTheFramesAcrossTheWrap(t *testing.T) {
	for _, c := range []struct {
		at   time.Duration
		rate uint32
		want uint32
	}{
		{0, 90000, 0},
		{time.Second / 30, 90000, 2999}, // 33.333333 ms
		{20 * time.Millisecond, 48000, 960},
		{100 * time.Hour, 90000, uint32(100 * 3600 * 90000 % (1 << 32))},
	} {
		if got := ticks(c.at, c.rate); got != c.want {
			t.Errorf("%v at %d Hz is %d ticks, want %d", c.at, c.rate, got, c.want)
		}
	}
	if err := NewTrack(media.Opus).WriteSample(0, Sample{Data: []byte{1}}); err != nil {
		t.Errorf("writing before publishing: %v", err)
	}
}

func TestDeferCandidates_KeepsSomeInTheAnswer(t *testing.T) {
	const (
		udp1 = "a=candidate:1 1 udp 2130706431 127.0.0.1 7081 typ host\r\n"
		udp2 = "a=candidate:2 1 UDP 2130706430 192.0.2.1 7081 typ host\r\n"
		tcp  = "a=candidate:3 1 tcp 1671430143 127.0.0.1 7081 typ host tcptype passive\r\n"
		head = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
		end  = "a=end-of-candidates\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\n"
	)
	for _, c := range []struct{ name, answer, kept, deferred string }{
		{"of UDP and TCP, TCP waits", head + udp1 + udp2 + tcp + end + udp1 + udp2 + tcp, head + udp1 + udp2 + end + udp1 + udp2, "3"},
		{"of UDP alone, all but the first wait", head + udp1 + udp2 + end + udp1 + udp2, head + udp1 + end + udp1, "2"},
		{"of TCP alone, too", head + tcp + end, head + tcp + end, ""},
		{"none is none", head + end, head + end, ""},
	} {
		kept, deferred := deferCandidates(c.answer)
		got := ""
		for _, h := range deferred {
			got += h.Candidate[len("candidate:"):][:1]
		}
		if kept != c.kept || got != c.deferred {
			t.Errorf("%s: kept %q and deferred %q, want %q and %q", c.name, kept, got, c.kept, c.deferred)
		}
	}
}
