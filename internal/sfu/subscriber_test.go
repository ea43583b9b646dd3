package sfu

import (
	"strings"
	"testing"

	"rostrum/internal/media"
)

func TestSubscriber_ReceivesOnlyAudioWithoutThePublishersCodec(t *testing.T) {
	withoutH264 := strings.NewReplacer("H264/90000", "VP8/90000", "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n", "").Replace(watchOffer)
	for _, tt := range []struct {
		name, offer string
		lacks       bool
	}{{"the publisher's codec", watchOffer, false}, {"another codec", withoutH264, true}} {
		t.Run(tt.name, func(t *testing.T) {
			g := newTestBench(t, 0, Config{}, singleOffer, watchOffer)
			s, _, err := g.router.NewViewer("v").Subscribe(g.publisher, crlf(tt.offer), SubscribeConfig{})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.LacksCodec(media.Video); got != tt.lacks || s.LacksCodec(media.Audio) {
				t.Errorf("lacks video %v, audio %v; want %v and false", got, s.LacksCodec(media.Audio), tt.lacks)
			}
		})
	}
}

func TestSubscriber_RejectsALayerOfAPublisherWithoutLabels(t *testing.T) {
	g := newTestBench(t, 0, Config{}, singleOffer, watchOffer)
	s, _, err := g.router.NewViewer("v").Subscribe(g.publisher, crlf(watchOffer), SubscribeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `no layer is called "hi": the publisher sends one, without a label`
	if err := s.Choose(Choice{Layer: "hi"}); err == nil || err.Error() != want {
		t.Errorf("got %[2]v, want %[1]s", want, err)
	}
}
