package sfu

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"rostrum/internal/sdp"
)

// Offers of real clients, each with what its answer must have and must not have. A viewer's
// is answered by a publisher of H.264 and Opus.
func TestEngine_AnswersOffersOfRealClients(t *testing.T) {
	for _, c := range []struct {
		file    string
		views   bool
		fault   sdp.Fault
		has     []string
		without []string
	}{
		{"obs", false, "", []string{"a=candidate:", "a=rtpmap:111 OPUS/48000/2", "a=rtpmap:96 H264/90000", "a=setup:passive", "BUNDLE 0 1"}, []string{"group:LS"}},
		{"obs-simulcast", false, "", []string{"a=rtpmap:111 OPUS/48000/2", "a=rid:0 recv", "a=simulcast:recv 0;1;2", "a=extmap:1 " + sdp.ExtMID, "a=extmap:2 " + sdp.ExtRID, "BUNDLE 0 1"}, []string{"group:LS"}},
		{"ffmpeg8", false, "", []string{"a=setup:active", "a=rtpmap:106 H264/90000", "profile-level-id=42c01f", "a=fmtp:105 apt=106", "BUNDLE 0 1"}, nil},
		{"ffmpeg8-audio", false, "", []string{"a=mid:0", "a=rtpmap:111 opus/48000/2", "a=recvonly"}, []string{"BUNDLE 0 1", "m=video"}},
		{"ffmpeg8-video", false, "", []string{"a=mid:1", "a=rtpmap:106 H264/90000", "a=recvonly"}, []string{"BUNDLE 0", "m=audio"}},
		{"gstreamer-whipclientsink", false, "", []string{"BUNDLE video0 audio1", "a=rtpmap:96 H264/90000", "a=fmtp:97 apt=96", "a=rtpmap:99 OPUS/48000/2", "a=setup:passive"}, []string{"m=audio 0", "ulpfec"}},
		{"str0m", false, "", []string{"BUNDLE QYh kPz", "a=rtpmap:108 H264/90000", "profile-level-id=42e01f", "a=rtpmap:111 opus/48000/2", "a=rtcp-fb:108 transport-cc"}, []string{"a=rtpmap:127", "a=rtpmap:124"}},
		{"webrtc-rs", false, "", []string{"a=rtpmap:125 H264/90000", "a=rtcp-fb:125 nack pli", "a=rtpmap:111 opus/48000/2", "a=recvonly"}, []string{"a=rtpmap:102", "a=rtpmap:123", "a=sendrecv"}},
		{"h264-lower-level", false, "", []string{"profile-level-id=42e01e"}, nil},
		{"h264-uppercase", false, "", []string{"profile-level-id=42C02A"}, nil},
		{"h264-high", false, "", []string{"profile-level-id=640c1f"}, nil},
		{"h264-main", false, "", []string{"profile-level-id=4d001f"}, nil},
		{"rids-without-ssrc", false, "", []string{"a=rid:2 recv", "a=rid:1 recv", "a=rid:0 recv", "a=simulcast:recv 2;1;0", "a=extmap:1 " + sdp.ExtMID, "a=extmap:2 " + sdp.ExtRID, "a=extmap:3 " + sdp.ExtRepairedRID}, []string{"rid="}},
		{"setup-active", false, "", []string{"a=setup:passive"}, []string{"a=setup:active"}},
		{"setup-passive", false, "", []string{"a=setup:active"}, []string{"a=setup:passive"}},
		{"setup-holdconn", false, sdp.FaultMalformed, []string{"holdconn"}, nil},
		{"device", false, "", []string{"a=mid:audio0", "a=mid:video0", "a=recvonly", "a=rtpmap:96 opus", "a=rtpmap:99 H264"}, []string{"a=fmtp:99", "a=sendrecv"}},
		{"mdns-candidates", false, "", []string{"a=candidate:"}, []string{".local"}},
		{"ipv6-zones", false, "", []string{"a=candidate:"}, []string{"fe80", "%"}},
		{"firefox-viewer", true, "", []string{"a=rtpmap:109 opus", "a=rtpmap:126 H264", "a=rtpmap:127 rtx", "a=fmtp:127 apt=126"}, []string{"a=rtpmap:111", "a=rtpmap:97", "a=rtpmap:98"}},
		{"payload-type-twice", true, "", []string{"a=rtpmap:97 opus", "a=rtpmap:127 H264"}, []string{"rtx", "a=rtpmap:96", "red/90000"}},
		{"lf-only", false, "", []string{"a=rtpmap:96 H264/90000"}, nil},
		{"no-final-newline", false, "", []string{"a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\r\n"}, nil},
		{"mixed-line-ends", false, "", []string{"a=rtpmap:96 H264/90000", "useinbandfec=1\r\n"}, nil},
		{"blank-line", false, sdp.FaultMalformed, []string{"line 23"}, nil},
	} {
		t.Run(c.file, func(t *testing.T) {
			g := newTestBench(t, 0, Config{}, singleOffer, watchOffer)
			text, err := os.ReadFile("../sdp/testdata/" + c.file + ".sdp")
			if err != nil {
				t.Fatal(err)
			}
			var answer string
			if c.views {
				_, answer, err = g.router.NewViewer("v").Subscribe(g.publisher, string(text), SubscribeConfig{})
			} else {
				_, answer, err = g.router.Publish(string(text), PublishConfig{Participant: "q"})
			}
			var fault *sdp.Error
			if errors.As(err, &fault) {
				answer = fault.Detail
			}
			if (fault == nil) != (c.fault == "") || fault != nil && fault.Fault != c.fault {
				t.Fatalf("answered by %v, want %q", err, c.fault)
			}
			for _, want := range c.has {
				if !strings.Contains(answer, want) {
					t.Errorf("%q is missing in\n%s", want, answer)
				}
			}
			for _, not := range c.without {
				if strings.Contains(answer, not) {
					t.Errorf("%q is in\n%s", not, answer)
				}
			}
			for _, pt := range regexp.MustCompile(`a=rtpmap:(\d+)`).FindAllStringSubmatch(answer, -1) {
				if !strings.Contains(string(text), "a=rtpmap:"+pt[1]+" ") {
					t.Errorf("payload type %s was not offered", pt[1])
				}
			}
		})
	}
}
