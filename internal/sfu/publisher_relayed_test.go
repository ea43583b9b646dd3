package sfu_test

import (
	"testing"
	"time"

	housemedia "rostrum/internal/media"
	"rostrum/internal/sfu"
)

// patient asks for nothing: what is missing comes later by itself.
type patient struct{}

func (patient) RequestPackets(housemedia.Kind, int8, []uint64) {}
func (patient) RequestKeyframe(int8)                           {}

// A keyframe is of use when its missing packet has come. A tap that waits for it then gets the
// packets, too, that came before.
func TestPublisher_TapGetsAllOfAKeyframeThatALatePacketCompletes(t *testing.T) {
	const first, timestamp, later = 1 << 20, 9000, 12_600
	group := []sfu.RelayedPacket{
		{Packet: housemedia.Packet{Payload: []byte{0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8}, Timestamp: timestamp}},
		{Packet: housemedia.Packet{Payload: []byte{0x68, 0xce, 0x3c, 0x80}, Timestamp: timestamp}},
		{Packet: housemedia.Packet{Payload: []byte{0x65, 0x88, 1}, Timestamp: timestamp}}, // the first slice
		{Packet: housemedia.Packet{Payload: []byte{0x65, 0x40, 2}, Timestamp: timestamp}},
		{Packet: housemedia.Packet{Payload: []byte{0x65, 0x40, 3}, Timestamp: timestamp, Marker: true}},
		{Packet: housemedia.Packet{Payload: []byte{0x41, 0x88, 4}, Timestamp: later, Marker: true}},
	}
	for i := range group {
		group[i].Kind, group[i].Packet.Sequence = housemedia.Video, first+uint64(i)
	}
	for name, late := range map[string]int{"the sequence parameter set": 0, "the picture parameter set": 1, "the first slice": 2} {
		t.Run(name, func(t *testing.T) {
			e := listen(t, nil)
			p, err := e.NewRouter(sfu.RouterConfig{}).PublishRelayed(sfu.PublishConfig{Participant: "alice", Notify: newEvents().notify},
				[]sfu.RelayedTrack{{Codec: housemedia.H264, Labels: []string{""}, Stored: 64}}, patient{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close("")
			var video sink
			detach, err := p.Tap(housemedia.Video, &video)
			if err != nil {
				t.Fatal(err)
			}
			defer detach()
			var inTime []sfu.RelayedPacket
			for i, packet := range group {
				if i != late {
					inTime = append(inTime, packet)
				}
			}
			group[late].Again = true
			p.WriteRelayed(inTime)
			p.WriteRelayed([]sfu.RelayedPacket{group[late]})
			end := sfu.RelayedPacket{Kind: housemedia.Video, Packet: housemedia.Packet{Payload: []byte{0x41, 0x88, 5}, Sequence: first + 6, Timestamp: later + 3600, Marker: true}}
			p.WriteRelayed([]sfu.RelayedPacket{end})
			ctx := within(t, 20*time.Second)
			for video.last() != 5 && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			video.mu.Lock()
			defer video.mu.Unlock()
			var slices []byte
			for i, packet := range video.packets {
				if i > 0 && packet.Sequence != video.packets[i-1].Sequence+1 {
					t.Errorf("packet %d has number %d, after %d", i, packet.Sequence, video.packets[i-1].Sequence)
				}
				if kind := packet.Payload[0] & 0x1f; kind == 5 || kind == 1 {
					slices = append(slices, packet.Payload[2])
				}
			}
			if string(slices) != "\x01\x02\x03\x04\x05" {
				t.Errorf("the tap has the slices %v", slices)
			}
		})
	}
}
