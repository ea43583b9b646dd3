package ingest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"rostrum/internal/stage"
	"rostrum/ivsrealtime"
	handmade "rostrum/test/encoder"
)

// A rawEncoder sends whatever a test makes.
type rawEncoder struct {
	*handmade.Encoder
	silent bool // no audio follows its configuration
}

// connectRaw asks to publish with a key.
func (s *fixture) connectRaw(t *testing.T, key string) rawEncoder {
	t.Helper()
	e, err := handmade.Publish(s.address, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return rawEncoder{Encoder: e}
}

// publishRaw is connectRaw that is accepted.
func (s *fixture) publishRaw(t *testing.T) rawEncoder {
	t.Helper()
	e := s.connectRaw(t, s.key)
	e.awaitStatus(t, "NetStream.Publish.Start")
	return e
}

func (e rawEncoder) awaitStatus(t *testing.T, code string) {
	t.Helper()
	await(t, code, func() bool { return strings.Contains(e.Received(), code) })
}

// sendPictures publishes audio and video of a test pattern until the connection ends.
// change may replace the body of a picture's message.
func (e rawEncoder) sendPictures(t *testing.T, change func(n int, body []byte) []byte) {
	t.Helper()
	f := newPattern(t, 320, 180)
	first, _ := f.next()
	f.n = 0
	_ = e.Send(handmade.Video, 0, join([]byte{0x17, 0, 0, 0, 0}, handmade.AVCConfig(first[0], first[1])))
	_ = e.Send(handmade.Audio, 0, []byte{0xaf, 0, 0x11, 0x90})
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for n := 0; t.Context().Err() == nil; n++ {
			units, keyframe := f.next()
			body := join([]byte{0x27, 1, 0, 0, 0}, handmade.AVCPicture(units))
			if keyframe {
				body[0] = 0x17
			}
			if change != nil {
				body = change(n, body)
			}
			at := time.Duration(n) * 40 * time.Millisecond
			if e.Send(handmade.Video, at, body) != nil || !e.silent && e.Send(handmade.Audio, at, []byte{0xaf, 1, 0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}) != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
}

// Each refusal is shown three times: to the owner as an event, to the encoder as a status, and
// to the operator in the log. The encoder is alone on its stage.
func TestServer_ShowsRefusalsToOwnerEncoderAndOperator(t *testing.T) {
	rejected := func(send func(e rawEncoder, t *testing.T)) func(*testing.T, *fixture) rawEncoder {
		return func(t *testing.T, s *fixture) rawEncoder {
			e := s.publishRaw(t)
			send(e, t)
			e.awaitStatus(t, "NetStream.Publish.Rejected")
			return e
		}
	}
	pictures := rejected(func(e rawEncoder, t *testing.T) { e.sendPictures(t, nil) })
	message := func(kind byte, body string) func(*testing.T, *fixture) rawEncoder {
		return rejected(func(e rawEncoder, _ *testing.T) { _ = e.Send(kind, 0, []byte(body)) })
	}
	for _, c := range []struct {
		name     string
		code     ivsrealtime.EventErrorCode
		says     string // what to set
		protocol ivsrealtime.IngestProtocol
		limits   stage.Limits
		try      func(t *testing.T, s *fixture) rawEncoder
	}{
		{name: "plain RTMP", code: ivsrealtime.ErrorInvalidProtocol, says: "use rtmps://", protocol: ivsrealtime.IngestRTMPS, try: func(t *testing.T, s *fixture) rawEncoder {
			e := s.connectRaw(t, s.key)
			e.awaitStatus(t, "NetStream.Publish.BadName")
			return e
		}},
		{name: "a replaced key", code: ivsrealtime.ErrorInvalidStreamKey, says: "copy it again", try: func(t *testing.T, s *fixture) rawEncoder {
			e := s.connectRaw(t, strings.TrimSuffix(s.key, "secret")+"former")
			e.awaitStatus(t, "NetStream.Publish.BadName")
			return e
		}},
		{name: "a key in use", code: ivsrealtime.ErrorReuseOfStreamKey, says: "use another key", try: func(t *testing.T, s *fixture) rawEncoder {
			s.publishRaw(t).sendPictures(t, nil)
			e := s.connectRaw(t, s.key)
			e.awaitStatus(t, "NetStream.Publish.BadName")
			return e
		}},
		{name: "B-frames", code: ivsrealtime.ErrorBFramePresent, says: "set B-frames to 0", try: rejected(func(e rawEncoder, t *testing.T) {
			e.sendPictures(t, func(n int, body []byte) []byte {
				body[4] = []byte{80, 160, 80, 0}[n%4] // composition times of a pyramid
				return body
			})
		})},
		{name: "Sorenson H.263", code: ivsrealtime.ErrorInvalidVideoCodec, says: "only H.264", try: message(handmade.Video, "\x22\x00\x00\x84")},
		{name: "HEVC", code: ivsrealtime.ErrorInvalidVideoCodec, says: "hvc1", try: message(handmade.Video, "\x90hvc1\x01")},
		{name: "AV1", code: ivsrealtime.ErrorInvalidVideoCodec, says: "av01", try: message(handmade.Video, "\x90av01\x81")},
		{name: "VP9", code: ivsrealtime.ErrorInvalidVideoCodec, says: "vp09", try: message(handmade.Video, "\x90vp09\x01")},
		{name: "MP3", code: ivsrealtime.ErrorInvalidAudioCodec, says: "AAC", try: message(handmade.Audio, "\x2f\xff\xfb")},
		{name: "an AAC profile that nothing decodes", code: ivsrealtime.ErrorInvalidAudioCodec, says: "set AAC-LC", try: message(handmade.Audio, "\xaf\x00\x09\x90")},
		{name: "too large", code: ivsrealtime.ErrorResolutionExceeded, says: "set the output to", limits: stage.Limits{PublishPixels: 1000}, try: pictures},
		{name: "too many bits", code: ivsrealtime.ErrorBitrateExceeded, says: "set a constant bitrate", limits: stage.Limits{PublishBitrate: 1000}, try: pictures},
		{name: "too long", code: ivsrealtime.ErrorStreamDurationExceeded, says: "start it again", limits: stage.Limits{ConnectionDuration: time.Second}, try: pictures},
		{name: "no video", code: ivsrealtime.ErrorInvalidInput, says: "needs audio and video", try: func(t *testing.T, s *fixture) rawEncoder {
			e := s.publishRaw(t)
			e.sendPictures(t, func(_ int, body []byte) []byte {
				body[0] = 0x57 // a command, not a picture
				return body
			})
			<-e.Ended() // after ten seconds
			return e
		}},
		{name: "a configuration of audio alone", code: ivsrealtime.ErrorInvalidInput, says: "needs audio and video", try: func(t *testing.T, s *fixture) rawEncoder {
			e := s.publishRaw(t)
			e.silent = true
			e.sendPictures(t, nil)
			e.awaitStatus(t, "NetStream.Publish.Rejected") // after ten seconds
			return e
		}},
		{name: "no frame", code: ivsrealtime.ErrorInvalidInput, says: "needs audio and video", try: rejected(func(rawEncoder, *testing.T) {})},
		{name: "a malformed configuration", code: ivsrealtime.ErrorInvalidInput, says: "H.264 configuration", try: message(handmade.Video, "\x17\x00\x00\x00\x00"+string(handmade.AVCConfig([]byte{0x67, 0, 0, 0}, []byte{0x68, 0xce, 0x3c, 0x80})))},
		{name: "a damaged picture", code: ivsrealtime.ErrorInvalidInput, says: "invalid NAL unit length", try: message(handmade.Video, "\x17\x01\x00\x00\x00\x00\x00\xff\xff\x65")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.protocol == "" {
				c.protocol = ivsrealtime.IngestRTMP
			}
			s := start(t, onStage(c.protocol, c.limits))
			e := c.try(t, s)
			if got := e.Received(); !strings.Contains(got, c.says) {
				t.Errorf("the encoder is not told %q: %q", c.says, got[max(len(got)-400, 0):])
			}
			published := fmt.Sprintf(`"error_code":"%s"`, c.code)
			await(t, "the event", func() bool {
				for line := range strings.Lines(s.details(t)) {
					if strings.Contains(line, "Participant Publish Error") && strings.Contains(line, published) && strings.Contains(line, s.config.ParticipantID) {
						return true
					}
				}
				return false
			})
			await(t, "the operator's line", func() bool {
				for line := range strings.Lines(s.logged.String()) {
					if strings.Contains(line, s.config.ARN) && strings.Contains(line, string(c.code)) && strings.Contains(line, c.says) {
						return true
					}
				}
				return false
			})
		})
	}
}

// join concatenates.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Encoders may change the size of the picture and the rate of the audio while they send. A
// size that the stage does not take ends their stream, and no other.
func TestServer_TakesChangedParametersWithinTheLimits(t *testing.T) {
	s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{PublishPixels: 640 * 360}))
	e := s.publishRaw(t)
	other, err := publishTo(t, "rtmp://"+s.address+"/app/"+s.addChannel(t))
	if err != nil {
		t.Fatal(err)
	}
	defer other.push.Close()
	n := 0
	send := func(f *encoder, aac byte, so func() bool) (err error) {
		t.Helper()
		f.n = 0
		await(t, "the change", func() bool {
			units, keyframe := f.next()
			at := time.Duration(n) * 40 * time.Millisecond
			n++
			kind := byte(0x27)
			if keyframe {
				kind = 0x17
				_ = e.Send(handmade.Video, at, join([]byte{kind, 0, 0, 0, 0}, handmade.AVCConfig(units[0], units[1])))
				_ = e.Send(handmade.Audio, at, []byte{0xaf, 0, 0x11, aac})
			}
			_ = e.Send(handmade.Audio, at, []byte{0xaf, 1, 0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c})
			err = e.Send(handmade.Video, at, join([]byte{kind, 1, 0, 0, 0}, handmade.AVCPicture(units)))
			return err != nil || so()
		})
		return err
	}
	for _, c := range []struct {
		width, height int
		aac           byte
		layers        string
	}{{320, 180, 0x90, "hi 320x180"}, {640, 360, 0x88, "hi 640x360"}, {320, 180, 0x90, "hi 320x180"}} {
		if err := send(newPattern(t, c.width, c.height), c.aac, func() bool { return s.layers() == c.layers }); err != nil {
			t.Fatalf("%s: %v, %q", c.layers, err, e.Received())
		}
	}
	ended := func() bool { return strings.Contains(s.history(t), "PUBLISH_ERROR:RESOLUTION_EXCEEDED") }
	_ = send(newPattern(t, 1280, 720), 0x90, ended)
	if !ended() || strings.Count(s.history(t), "PUBLISH_STARTED") != 1 {
		t.Errorf("the history is %s", s.history(t))
	}
	if err := other.send(25); err != nil {
		t.Errorf("another encoder was affected: %v", err)
	}
}

// Viewers who join an encoder with rare keyframes are behind: the operator is told once.
func TestServer_ReportsKeyframesThatAreFarApart(t *testing.T) {
	s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}))
	e := s.publishRaw(t)
	e.sendPictures(t, func(n int, body []byte) []byte {
		if n > 0 {
			body[0] = 0x27 // no more keyframes
		}
		return body
	})
	const line = "keyframes are far apart"
	await(t, line, func() bool { return strings.Contains(s.logged.String(), line) })
	if got := s.logged.String(); !strings.Contains(got, s.config.ARN) || !strings.Contains(got, "keyframe interval to 1 or 2 s") {
		t.Errorf("the line is %s", got)
	}
}
