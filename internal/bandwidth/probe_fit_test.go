package bandwidth

import (
	"testing"
	"time"
)

const us = time.Microsecond

// cluster returns n packets of a probe cluster of 1000 bytes each.
func cluster(n int, sentEvery, arrivedEvery time.Duration) (acks []Ack) {
	for i := range n {
		acks = append(acks, Ack{Sent: time.Second + time.Duration(i)*sentEvery, Arrived: time.Hour + time.Duration(i)*arrivedEvery, Size: 1000, Cluster: 1})
	}
	return acks
}

func TestProbeFit_MeasuresWhatThePathCarries(t *testing.T) {
	jitter := cluster(11, 1000*us, 2000*us)
	for i := range jitter { // up and down around the line
		jitter[i].Arrived += []time.Duration{0, 300 * us, -300 * us, -300 * us, 300 * us}[i%5]
	}
	disorder := cluster(10, 1000*us, 2000*us)
	disorder[8].Sent, disorder[9].Sent = disorder[9].Sent, disorder[8].Sent
	ninetenths := cluster(10, 720*us, 800*us)
	for i := range ninetenths {
		ninetenths[i].Size = 900
	}
	sizes := cluster(10, 1000*us, 0)
	at := time.Duration(0)
	for i := range sizes {
		sizes[i].Size = 100 * (1 + i%3)
		at += time.Duration(sizes[i].Size) * 8 * us // 1 Mbit/s
		sizes[i].Arrived += at
	}
	for _, c := range []struct {
		name    string
		cluster []Ack
		want    float64 // 0 for none
	}{
		{"half of it", cluster(10, 1000*us, 2000*us), 3_800_000},
		{"with jitter", jitter, 3_800_000},
		{"all of it", cluster(10, 1000*us, 1000*us), 8_000_000},
		{"nearly all of it", cluster(10, 1000*us, 1110*us), 8_000_000},
		{"nine tenths", ninetenths, 8_550_000},
		{"packets that arrive together", cluster(10, 1000*us, 0), 8_000_000},
		{"packets that arrive in disorder", cluster(10, 1000*us, -100*us), 8_000_000},
		{"packets that are sent in disorder", disorder, 3_800_000},
		{"packets that are sent together", cluster(10, 0, 2000*us), 3_800_000},
		{"packets that take a millisecond", cluster(10, 0, 1*us), 72_000_000},
		{"packets of several sizes", sizes, 950_000},
		{"eight packets", cluster(8, 1000*us, 2000*us), 3_800_000},
		{"too few", cluster(7, 1000*us, 2000*us), 0},
	} {
		var f probeFit
		end := Ack{Sent: time.Second}
		for _, a := range c.cluster {
			if _, ok := f.result(a); ok {
				t.Errorf("%s: a result within the cluster", c.name)
			}
			f.add(a)
			end.Sent = max(end.Sent, a.Sent)
		}
		if _, ok := f.result(end); ok {
			t.Errorf("%s: a result at a packet that was sent with the cluster", c.name)
		}
		end.Sent++
		measured, ok := f.result(end)
		if ok != (c.want != 0) || ok && (measured < c.want*0.98 || measured > c.want*1.001) {
			t.Errorf("%s: %v, %t, want %v", c.name, measured, ok, c.want)
		}
		if _, ok := f.result(end); ok {
			t.Errorf("%s: a second result", c.name)
		}
	}
}

func TestProbeFit_ANewClusterEndsTheOneBefore(t *testing.T) {
	var f probeFit
	for _, a := range cluster(10, 1000*us, 4000*us) {
		f.add(a)
	}
	second := cluster(10, 1000*us, 2000*us)
	for i := range second {
		second[i].Sent += time.Second
		second[i].Cluster = 2
	}
	if measured, ok := f.result(second[0]); !ok || !near(measured, 1_900_000) {
		t.Errorf("the first is %v, %t", measured, ok)
	}
	for _, a := range second {
		f.add(a)
		f.add(Ack{Sent: a.Sent, Arrived: a.Arrived + time.Second, Size: 1e6}) // not of the cluster
	}
	if measured, ok := f.result(Ack{Sent: time.Hour}); !ok || !near(measured, 3_800_000) {
		t.Errorf("the second is %v, %t", measured, ok)
	}
	if _, ok := new(probeFit).result(Ack{Sent: time.Hour, Cluster: 1}); ok {
		t.Error("a result without a cluster")
	}
}

func TestBurstFit_MeasuresPacketsThatWereSentAtOnce(t *testing.T) {
	type packet struct{ sent, arrived time.Duration }
	burst := func(n int, sentEvery, arrivedEvery time.Duration) (all []packet) {
		for i := range n {
			all = append(all, packet{time.Second + time.Duration(i)*sentEvery, time.Hour + time.Duration(i)*arrivedEvery})
		}
		return all
	}
	for _, c := range []struct {
		name    string
		packets []packet
		want    float64 // of the last packet, 0 for none
	}{
		{"ten packets", burst(10, 0, 1000*us), 8_000_000},
		{"nine", burst(9, 0, 1000*us), 0},
		{"more than ten", burst(20, 0, 1000*us), 8_000_000},
		{"sent within a millisecond", burst(11, 100*us, 1000*us), 8_000_000},
		{"sent in a longer time", burst(11, 101*us, 1000*us), 0},
		{"sent before the first", append(burst(10, 0, 1000*us), packet{time.Second - 1, time.Hour + 10*ms}), 0},
		{"that arrive at once", burst(11, 0, 0), 80_000_000},
		{"that arrive within a millisecond", burst(11, 0, 50*us), 80_000_000},
		{"that arrive in disorder", append(burst(10, 0, 1000*us), packet{time.Second, time.Hour}), 80_000_000. / 9},
		{"after another burst", append(burst(10, 0, 1000*us), packet{2 * time.Second, 2 * time.Hour}), 0},
	} {
		var b burstFit
		var measured float64
		var ok bool
		for _, p := range c.packets {
			measured, ok = b.add(Ack{Sent: p.sent, Arrived: p.arrived, Size: 1000})
		}
		if ok != (c.want != 0) || ok && !near(measured, c.want) {
			t.Errorf("%s: %v, %t, want %v", c.name, measured, ok, c.want)
		}
	}
}
