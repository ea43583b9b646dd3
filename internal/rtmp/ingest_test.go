package rtmp

import (
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
)

// connectPublisher connects a publisher to an Ingest.
func connectPublisher(t *testing.T) (client *connection, ingest *Ingest) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan *Ingest)
	go func() {
		defer close(accepted)
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { conn.Close() })
		i, err := Accept(conn, func(string, string) error { return nil })
		if err != nil {
			t.Error(err)
			return
		}
		accepted <- i
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if client, err = newClient(conn); err == nil {
		_, err = client.publish("app", "rtmp://localhost/app", "key")
	}
	if err != nil {
		t.Fatal(err)
	}
	if ingest = <-accepted; ingest == nil {
		t.FailNow()
	}
	return client, ingest
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// onMetaData with the codec as FourCC number of HEVC, without codecs, with them as strings, and
// with audio that never comes.
var metadataOfEncoders = []string{
	"02000d40736574446174614672616d6502000a6f6e4d657461446174610800000004000577696474680040940000000000000006686569676874004086800000000000000c766964656f636f64656369640041da1d98cc400000000c617564696f636f6465636964004024000000000000000009",
	"02000d40736574446174614672616d6502000a6f6e4d657461446174610800000002000577696474680040940000000000000006686569676874004086800000000000000009",
	"02000d40736574446174614672616d6502000a6f6e4d657461446174610800000002000c766964656f636f646563696402000461766331000c617564696f636f64656369640200046d703461000009",
	"02000d40736574446174614672616d6502000a6f6e4d657461446174610800000002000c766964656f636f646563696400401c000000000000000c617564696f636f6465636964004024000000000000000009",
}

func TestIngest_ContinuesAfterOddMessages(t *testing.T) {
	picture := append([]byte{0x17, 1, 0, 0, 0}, onePicture...)
	tag := func(kind byte, at uint32, body []byte) []byte {
		header := join([]byte{kind}, uint24(uint32(len(body))), uint24(at), []byte{0, 0, 0, 0})
		return join(header, body, []byte{0, 0, 0, byte(len(header) + len(body))})
	}
	odd := map[string]message{
		"audio without a body":          {kind: audioMessage},
		"audio without data":            {kind: audioMessage, body: []byte{0xaf, 1}},
		"audio of one byte":             {kind: audioMessage, body: []byte{0xaf}},
		"video without a body":          {kind: videoMessage},
		"video of one byte":             {kind: videoMessage, body: []byte{0x17}},
		"a command frame of video":      {kind: videoMessage, body: []byte{0x57, 0}},
		"the end of a sequence":         {kind: videoMessage, body: []byte{0x17, 2, 0, 0, 0}},
		"a window on this chunk stream": {kind: windowSize, body: []byte{0, 0x26, 0x25, 0xa0}},
		"a bandwidth":                   {kind: bandwidth, body: []byte{0, 0x26, 0x25, 0xa0, 2}},
		"an acknowledgement":            {kind: acknowledge, body: []byte{0, 0, 0, 1}},
		"an abort of nothing":           {kind: abort, body: []byte{0, 0, 0, 9}},
		"a short control message":       {kind: setChunkSize, body: []byte{0, 1}},
		"an unknown event":              {kind: userControl, body: []byte{0, 99, 1, 2, 3, 4}},
		"an unknown type":               {kind: 0xff},
		"an unknown type with a body":   {kind: 0x63, body: numbered(500)},
		"shared objects":                {kind: 19, body: numbered(40)},
		"data in AMF3":                  {kind: 15, body: numbered(40)},
		"onFI":                          {kind: dataAMF0, body: []byte("\x02\x00\x04onFI\x03\x00\x02st\x02\x00\x08000000.0\x00\x00\x09")},
		"onTextData":                    {kind: dataAMF0, body: []byte("\x02\x00\x0aonTextData\x03\x00\x04text\x02\x00\x01x\x00\x00\x09")},
		"an unknown command":            {kind: commandAMF0, body: []byte("\x02\x00\x06noSuch\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
		"a command that is no command":  {kind: commandAMF0, body: numbered(40)},
		"an empty command":              {kind: commandAMF0},
		"an empty aggregate":            {kind: aggregate},
		"a truncated aggregate":         {kind: aggregate, body: tag(videoMessage, 0, picture)[:14]},
		"an aggregate of data":          {kind: aggregate, body: join(tag(dataAMF0, 5, []byte{5}), tag(audioMessage, 5, nil))},
	}
	for i, m := range metadataOfEncoders {
		odd["metadata of kind "+string(rune('1'+i))] = message{kind: dataAMF0, body: unhex(t, m)}
	}
	client, ingest := connectPublisher(t)
	at := uint32(0)
	for name, m := range odd {
		at += 40
		m.timestamp = at
		for _, m := range []message{m, {videoMessage, at, picture}} {
			if err := client.send(audioChunks, 1, m); err != nil {
				t.Fatal(err)
			}
		}
		if f, err := ingest.Next(); err != nil || f.Kind != Video || !f.Keyframe {
			t.Fatalf("after %s: %+v, %v", name, f, err)
		}
	}
}

func TestIngest_TakesAggregatesApart(t *testing.T) {
	picture := append([]byte{0x27, 1, 0, 0, 0}, onePicture...)
	var body []byte
	for _, at := range []uint32{0x1000010, 0x1000020, 0x1000038} {
		header := join([]byte{videoMessage}, uint24(uint32(len(picture))), uint24(at), []byte{byte(at >> 24), 0, 0, 0})
		body = join(body, header, picture, []byte{0, 0, 0, byte(len(header) + len(picture))})
	}
	client, ingest := connectPublisher(t)
	for _, m := range []message{{videoMessage, 1000, picture}, {aggregate, 1040, body}, {videoMessage, 1120, picture}} {
		if err := client.send(videoChunks, 1, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []time.Duration{0, 40, 56, 80, 120} {
		if f, err := ingest.Next(); err != nil || f.Decode != want*time.Millisecond {
			t.Errorf("a picture at %v, %v; expected it at %d ms", f.Decode, err, want)
		}
	}
}

func TestIngest_SaysWhyAStreamIsRejected(t *testing.T) {
	for name, c := range map[string]struct {
		m      message
		reason string
	}{
		"Sorenson's H.263":  {message{kind: videoMessage, body: []byte{0x22, 0, 0, 0x84}}, "video codec 2"},
		"HEVC":              {message{kind: videoMessage, body: []byte("\x90hvc1\x01")}, `"hvc1"`},
		"AV1":               {message{kind: videoMessage, body: []byte("\x90av01\x81")}, `"av01"`},
		"MP3":               {message{kind: audioMessage, body: []byte{0x2f, 0xff, 0xfb}}, "audio codec 2"},
		"AC-3":              {message{kind: audioMessage, body: []byte("\x91ac-3\x0b\x77")}, `"ac-3"`},
		"HEVC beside H.264": {message{kind: videoMessage, body: []byte("\x96\x20hvc1\x01\x00\x00\x01\x01")}, `"hvc1"`},
	} {
		client, ingest := connectPublisher(t)
		if err := client.send(videoChunks, 1, c.m); err != nil {
			t.Fatal(err)
		}
		_, err := ingest.Next()
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s is refused with %v, expected %q", name, err, c.reason)
			continue
		}
		told := make(chan error)
		go func() {
			defer ingest.connection.conn.Close()
			told <- ingest.Reject(err.Error())
			ingest.Drain()
		}()
		for range 100 { // it still sends when it is told
			if err := client.send(videoChunks, 1, message{kind: videoMessage, body: make([]byte, 10_000)}); err != nil {
				t.Errorf("%s: the connection broke off: %v", name, err)
				break
			}
		}
		if err := <-told; err != nil {
			t.Error(err)
		}
		status, err := client.nextCommand()
		information := status.information()
		code, _ := information.GetString("code")
		if err != nil || !status.isError() || code != "NetStream.Publish.Rejected" || !strings.Contains(status.reason(), c.reason) {
			t.Errorf("%s: the publisher is told %+v, %v", name, status, err)
		}
		client.conn.Close()
	}
}

// connect as encoders send it, with values that are of no use here.
func TestAccept_TakesConnectAsEncodersSendIt(t *testing.T) {
	for name, application := range map[string]amf0.Object{
		"application only": {{Key: "app", Value: "app"}},
		"empty":            {{Key: "app", Value: ""}},
		"with a query":     {{Key: "app", Value: "app?x=y"}, {Key: "fourCcList", Value: amf0.StrictArray{"avc1", "hvc1"}}, {Key: "capsEx", Value: 15.}},
		"none":             {},
	} {
		server, conn := net.Pipe()
		authorized := make(chan string, 1)
		go func() {
			defer server.Close()
			_, _ = Accept(server, func(app, key string) error {
				authorized <- app + " " + key
				return errors.New("enough")
			})
		}()
		client, err := newClient(conn)
		if err != nil {
			t.Fatal(err)
		}
		go func() { // a pipe has no buffer
			for {
				if _, err := client.nextCommand(); err != nil {
					return
				}
			}
		}()
		if err := errors.Join(client.call(0, "connect", connectID, application), client.call(1, "publish", publishID, nil, "key", "live")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.TrimSpace(<-authorized); got != "app key" && got != "key" {
			t.Errorf("%s: authorized %q", name, got)
		}
		conn.Close()
	}
}

// A client learns which codecs it may send, and that it may send several tracks.
func TestAccept_AnswersConnectWithItsCapabilities(t *testing.T) {
	server, conn := net.Pipe()
	defer conn.Close()
	go func() {
		defer server.Close()
		_, _ = Accept(server, func(string, string) error { return errors.New("enough") })
	}()
	client, err := newClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = client.call(0, "connect", connectID, amf0.Object{{Key: "app", Value: "app"}}) }()
	answer, err := client.result(connectID)
	if err != nil || len(answer.arguments) != 2 {
		t.Fatalf("answered with %+v, %v", answer, err)
	}
	for i, v := range answer.arguments {
		o, _ := v.(amf0.Object)
		capabilities, _ := o.GetFloat64("capsEx")
		video, _ := o.Get("videoFourCcInfoMap")
		audio, _ := o.Get("audioFourCcInfoMap")
		if capabilities != canMultitrack|canModifiers || len(video.(amf0.Object)) != 1 || len(audio.(amf0.Object)) != 2 {
			t.Errorf("object %d of the answer is %+v", i, o)
		}
	}
}

// Of several tracks of audio the first is used, whatever the others are.
func TestIngest_ReturnsTheFirstTrackOfAudio(t *testing.T) {
	client, ingest := connectPublisher(t)
	for at, body := range []string{
		"\x95\x20mp4a\x03\x00\x00\x02\x11\x90ac-3\x01\x00\x00\x01\x00", "\x95\x01ac-3\x01\x0b\x77", "\x95\x11mp4a\x01\x00\x00\x01\x06\x03\x00\x00\x01\x07", "\xaf\x01\x08",
	} {
		if err := client.send(audioChunks, 1, message{audioMessage, uint32(at), []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	_ = client.send(videoChunks, 1, message{videoMessage, 9, append([]byte{0x17, 0, 0, 0, 0}, avcRecord...)})
	for _, want := range []FrameKind{AudioConfig, Audio, VideoConfig} {
		if f, err := ingest.Next(); err != nil || f.Kind != want || want == Audio && f.Units[0][0] != 7 {
			t.Errorf("read %+v, %v; expected kind %d", f, err, want)
		}
	}
}
