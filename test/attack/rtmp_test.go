package attack

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
	"rostrum/test/encoder"
)

// onAir is an encoder that publishes on a stage, until the test ends.
type onAir struct {
	*encoder.Encoder
	address, key string
	configARN    string
}

// publishRTMP starts an encoder on a stage of its own.
func publishRTMP(t *testing.T) *onAir {
	t.Helper()
	made, err := stand.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{})
	if err != nil {
		t.Fatal(err)
	}
	insecure := true
	config, err := stand.client.CreateIngestConfiguration(t.Context(), &ivsrealtime.CreateIngestConfigurationInput{
		StageARN: made.Stage.ARN, IngestProtocol: ivsrealtime.IngestRTMP, InsecureIngest: insecure,
	})
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSuffix(strings.TrimPrefix(made.Stage.Endpoints.RTMP, "rtmp://"), "/app/")
	o := &onAir{address: address, key: config.IngestConfiguration.StreamKey, configARN: config.IngestConfiguration.ARN}
	if o.Encoder, err = encoder.Publish(address, o.key); err != nil {
		t.Fatal(err)
	}
	o.await(t, o.Encoder, "NetStream.Publish.Start")
	o.send(t)
	return o
}

// await waits for what the server says.
func (o *onAir) await(t *testing.T, e *encoder.Encoder, says string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(e.Received(), says); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the encoder is not told %s: %q\n%s", says, e.Received(), stand.server.Output())
		}
	}
}

// send sends a test pattern and Opus in real time.
func (o *onAir) send(t *testing.T) {
	t.Helper()
	pattern, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180, FPS: 25, Keyframe: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		o.Close()
		<-done
	})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			at := time.Duration(n) * 40 * time.Millisecond
			unit, keyframe := pattern.Frame(uint32(n), time.Unix(0, 0), n == 0)
			var units [][]byte
			for _, u := range bytes.Split(unit, []byte{0, 0, 1}) {
				if u = bytes.TrimRight(u, "\x00"); len(u) > 0 {
					units = append(units, u)
				}
			}
			if n == 0 {
				_ = o.Send(encoder.Video, at, append([]byte{0x17, 0, 0, 0, 0}, encoder.AVCConfig(units[0], units[1])...))
			}
			header := []byte{0x27, 1, 0, 0, 0}
			if keyframe {
				header[0] = 0x17
			}
			_ = o.Send(encoder.Audio, at, []byte{0x91, 'O', 'p', 'u', 's', 0xfc, 1, 2})
			if o.Send(encoder.Video, at, append(header, encoder.AVCPicture(units)...)) != nil {
				return
			}
			time.Sleep(40 * time.Millisecond)
		}
	}()
}

// goesOn fails unless the encoder is still on the air, and another key would be accepted.
func (o *onAir) goesOn(t *testing.T) {
	t.Helper()
	stand.goesOn(t)
	select {
	case <-o.Ended():
		t.Fatalf("the encoder was disconnected: %q\n%s", o.Received(), stand.server.Output())
	default:
	}
	got, err := stand.client.GetIngestConfiguration(t.Context(), &ivsrealtime.GetIngestConfigurationInput{ARN: o.configARN})
	if err != nil || got.IngestConfiguration.State != ivsrealtime.IngestActive {
		t.Fatalf("the ingest configuration is %+v, %v", got, err)
	}
	publishRTMP(t) // from the same address
}

// Item 31: encoders that never send their key, however far they get.
func TestAttack_EncodersThatNeverFinishAreOutlasted(t *testing.T) {
	all := 10_000
	if testing.Short() {
		all = 1000
	}
	o := publishRTMP(t)
	before := stand.memory()
	hello := append([]byte{3}, make([]byte, 1536)...)
	beginnings := [][]byte{nil, {3}, hello[:700], hello, append(hello, make([]byte, 1536)...), append(append(hello, make([]byte, 1536)...), encoder.Header(3, 20, 0, 5000)...), {0x16, 3, 1, 2, 0, 1}}
	var open []net.Conn // at a time: this process has descriptors to bound
	defer func() {
		for _, conn := range open {
			conn.Close()
		}
	}()
	for n := range all {
		conn, err := net.Dial("tcp", o.address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(beginnings[n%len(beginnings)]) // it may be closed already
		if open = append(open, conn); len(open) > 400 {
			open[0].Close()
			open = open[1:]
		}
	}
	o.goesOn(t)
	if grown := stand.memory() - before; grown > 64<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
}

// Item 30: sizes that nobody needs end the connection that has them, before memory is taken.
func TestAttack_BombsOfChunksTakeNoMemory(t *testing.T) {
	o, bomber := publishRTMP(t), publishRTMP(t)
	before := stand.memory()
	manyStreams := func() (b []byte) {
		for id := byte(4); id < 60; id++ {
			b = append(append(b, encoder.Header(id, encoder.Video, 0, 4<<20)...), make([]byte, 128)...)
		}
		return b
	}
	for name, bomb := range map[string][]byte{
		"a chunk size of 0":                  append(encoder.Header(2, encoder.SetChunkSize, 0, 4), 0, 0, 0, 0),
		"a chunk size of 2 GiB":              append(encoder.Header(2, encoder.SetChunkSize, 0, 4), 0x7f, 0xff, 0xff, 0xff),
		"a command of 16 MiB":                encoder.Header(3, 20, 0, 0xffffff),
		"video before the key":               encoder.Header(4, encoder.Video, 0, 4<<20),
		"many incomplete messages":           manyStreams(),
		"a message within another":           append(encoder.Header(4, 20, 0, 1000), append(make([]byte, 128), encoder.Header(4, 20, 0, 9)...)...),
		"a chunk that continues nothing":     {0xc9},
		"nested values without end":          append(encoder.Header(3, 20, 0, 120), bytes.Repeat([]byte{10, 0xff, 0xff, 0xff, 0xff}, 24)...),
		"a string of 4 GiB in a data object": append(encoder.Header(3, 20, 0, 5), 12, 0xff, 0xff, 0xff, 0xff),
	} {
		for range 50 {
			e, err := encoder.Connect(o.address)
			if err != nil {
				t.Fatal(err)
			}
			_ = e.SendBytes(bomb) // it may be closed meanwhile
			if !strings.Contains(name, "object") && !strings.Contains(name, "nested") {
				select {
				case <-e.Ended():
				case <-time.After(30 * time.Second):
					t.Fatalf("%s: the connection goes on", name)
				}
			}
			e.Close()
		}
	}
	small := append(encoder.Header(2, encoder.SetChunkSize, 0, 4), 0, 0, 0, 128)
	_ = bomber.SendBytes(append(small, manyStreams()...)) // with a key messages may be longer, and not more
	select {
	case <-bomber.Ended():
	case <-time.After(30 * time.Second):
		t.Error("a stream of incomplete messages goes on")
	}
	o.goesOn(t)
	if grown := stand.memory() - before; grown > 64<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
}

// Item 30: who guesses keys waits, and who has one does not, although both have one address.
func TestAttack_GuessedStreamKeysAreAnsweredLate(t *testing.T) {
	o := publishRTMP(t)
	parts := strings.Split(o.key, "_")
	guess := strings.Join(parts[:4], "_") + "_" + strings.Repeat("a", 32)
	var late []*encoder.Encoder
	for n := range 40 {
		e, err := encoder.Publish(o.address, guess)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if n >= 12 {
			late = append(late, e)
		}
	}
	o.goesOn(t)
	for _, e := range late {
		o.await(t, e, "unknown stream key")
	}
	if strings.Contains(stand.server.Output(), parts[len(parts)-1]) || strings.Contains(stand.server.Output(), guess) {
		t.Error("the log has a stream key")
	}
}
