package recording_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestVerify_FindsNothingWrongWithARecording(t *testing.T) {
	report, err := record(t).open(t).Verify(t.Context())
	check(t, err)
	if len(report.Problems) > 0 {
		t.Errorf("problems %v", report.Problems)
	}
	if report.Segments != 5 || report.Sections != 2 || report.MediaMS != 10_000 || report.GapsMS != 1_000 || report.Status != "RECORDING_ENDED" || report.Files != 13 {
		t.Errorf("the report is %+v", report)
	}
}

// TestVerify_FindsDamage does one thing to a recording each.
func TestVerify_FindsDamage(t *testing.T) {
	replace := func(name, old, with string) func(files) {
		return func(f files) {
			if !bytes.Contains(f[name], []byte(old)) {
				panic(fmt.Sprintf("%s has no %q:\n%s", name, old, f[name]))
			}
			f[name] = bytes.Replace(f[name], []byte(old), []byte(with), 1)
		}
	}
	remove := func(name string) func(files) { return func(f files) { delete(f, name) } }
	const list, multivariant = high + "playlist.m3u8", "media/hls/multivariant.m3u8"
	for name, c := range map[string]struct {
		damage   func(files)
		expected string // a part of the first problem
	}{
		"a segment is missing":              {remove(high + "1.mp4"), high + "1.mp4: there is no such file"},
		"an init is missing":                {remove(high + "init-1.mp4"), high + "init-1.mp4: there is no such file"},
		"the playlist is missing":           {remove(list), list + ": there is no such file"},
		"the multivariant is missing":       {remove(multivariant), multivariant + ": there is no such file"},
		"the thumbnail is missing":          {remove("media/thumbnails/high/1.jpg"), "media/thumbnails/high: it has no thumbnail"},
		"the latest thumbnail is missing":   {remove("media/latest_thumbnail/high/thumb.jpg"), "media/latest_thumbnail/high: it has no thumbnail"},
		"the start is missing":              {remove("events/recording-started.json"), "recording-started.json: there is no such file"},
		"a segment is cut off":              {func(f files) { f[high+"2.mp4"] = f[high+"2.mp4"][:900] }, "2.mp4: it is no fragmented MP4"},
		"a segment of elsewhere":            {func(f files) { f[high+"1.mp4"] = f[high+"2.mp4"] }, "1.mp4: track 1 begins 2s after it ended"},
		"a segment without an entry":        {func(f files) { f[high+"6.mp4"] = f[high+"0.mp4"] }, "6.mp4: no other file refers to it"},
		"a file that is left over":          {func(f files) { f[high+"4.mp4.new"] = nil }, "4.mp4.new: no other file refers to it"},
		"a keyframe that is none":           {replace(high+"3.mp4", "\x65\x01\x02\x03", "\x41\x01\x02\x03"), "3.mp4: picture 0: it is an IDR picture: false"},
		"a NAL unit that is too long":       {replace(high+"3.mp4", "\x00\x00\x00\x04\x41", "\x00\x00\x01\x04\x41"), "3.mp4: picture 1: a NAL unit of 260 bytes"},
		"a duration that is too long":       {replace(list, "EXTINF:2.00000", "EXTINF:2.04000"), "0.mp4: its samples last 2s, EXTINF is 2.04s"},
		"a target that is too short":        {replace(list, "TARGETDURATION:2", "TARGETDURATION:1"), "0.mp4 lasts 2s, EXT-X-TARGETDURATION is 1"},
		"no end":                            {replace(list, "#EXT-X-ENDLIST\n", ""), "EXT-X-ENDLIST is there: false"},
		"of the wrong type":                 {replace(list, "TYPE:VOD", "TYPE:EVENT"), "of type VOD: false"},
		"no time":                           {replace(list, "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.250Z\n", ""), "0.mp4 has no EXT-X-PROGRAM-DATE-TIME"},
		"sections that overlap":             {replace(list, "03:04:12.250Z", "03:04:11.000Z"), "3.mp4 begins 250ms before the segment before it ends"},
		"no discontinuity":                  {replace(list, "#EXT-X-DISCONTINUITY\n", ""), "3.mp4 begins 1s after the segment before it ends"},
		"no init":                           {replace(list, "#EXT-X-MAP:URI=\"init-0.mp4\"\n", ""), `0.mp4 has the EXT-X-MAP ""`},
		"an init outside":                   {replace(list, "init-0.mp4", "../init-0.mp4"), `0.mp4 has the EXT-X-MAP "../init-0.mp4"`},
		"another codec in CODECS":           {replace(multivariant, "avc1.42c01e", "avc1.640028"), "CODECS has avc1.640028, the media avc1.42c01e"},
		"a codec that CODECS has not":       {replace(multivariant, ",opus", ""), "the media have opus, CODECS avc1.42c01e"},
		"another RESOLUTION":                {replace(multivariant, "640x360", "1280x720"), `RESOLUTION is "1280x720", that of the media 640x360`},
		"a BANDWIDTH that is too low":       {replace(multivariant, "BANDWIDTH=20000", "BANDWIDTH=2000"), "BANDWIDTH is 2000, a segment has"},
		"another FRAME-RATE":                {replace(multivariant, "FRAME-RATE=30", "FRAME-RATE=10"), "FRAME-RATE is 10.000, the media have 30"},
		"a rendition outside":               {replace(multivariant, "high/playlist.m3u8", "../../x/playlist.m3u8"), `refers to "../../x/playlist.m3u8", which is outside`},
		"another duration_ms":               {replace("events/recording-ended.json", "10000", "12000"), "its duration_ms is 12000, the playlist lasts 10000 ms"},
		"another status":                    {replace("events/recording-ended.json", "RECORDING_ENDED", "RECORDING_STARTED"), `its status is "RECORDING_STARTED"`},
		"another participant than prefix's": {replace("events/recording-started.json", "ZyXwVuTsRqPo", "ZyXwVuTsRqPp"), "the prefix is not <stage>/<session>/<participant>/<time>"},
		"an end before the start":           {replace("events/recording-ended.json", "03:04:16Z", "03:04:01Z"), `started at "2026-01-02T03:04:05Z" and ended at "2026-01-02T03:04:01Z"`},
		"metadata that are no JSON":         {replace("events/recording-ended.json", "{", "["), "recording-ended.json: it is not the JSON expected"},
		"a picture that is none":            {func(f files) { f["media/thumbnails/high/1.jpg"] = []byte("x") }, "1.jpg: it is no JPEG picture"},
		"thumbnails that were not asked for": {func(f files) {
			f.metadata(t, "recording-ended", map[string]any{"recording_status": "RECORDING_ENDED", "recording_ended_at": "2026-01-02T03:04:16Z", "media": map[string]any{
				"hls": map[string]any{"duration_ms": 10_000, "path": "media/hls", "playlist": "multivariant.m3u8", "renditions": []any{map[string]any{"path": "high", "playlist": "playlist.m3u8"}}}}})
		}, "thumb.jpg: no other file refers to it"},
		"an end and a failure": {func(f files) {
			f.metadata(t, "recording-failed", map[string]any{"recording_status": "RECORDING_ENDED_WITH_FAILURE", "recording_ended_at": "2026-01-02T03:04:16Z"})
		}, "the recording has ended and failed, too"},
	} {
		t.Run(name, func(t *testing.T) {
			f := record(t)
			c.damage(f)
			report, err := f.open(t).Verify(t.Context())
			check(t, err)
			if len(report.Problems) == 0 || !strings.Contains(report.Problems[0].String(), c.expected) {
				t.Errorf("expected %q, saw %v", c.expected, report.Problems)
			}
		})
	}
}

func TestVerify_AcceptsASegmentThatAKilledProcessDidNotList(t *testing.T) {
	f := record(t)
	f[high+"5.mp4"], f[high+"init-2.mp4"] = f[high+"4.mp4"], f[high+"init-1.mp4"]
	report, err := f.open(t).Verify(t.Context())
	check(t, err)
	if len(report.Problems) > 0 {
		t.Errorf("problems %v", report.Problems)
	}
}

func TestVerify_AcceptsARecordingThatIsBeingWritten(t *testing.T) {
	report, err := whileWritten(t).open(t).Verify(t.Context())
	check(t, err)
	if len(report.Problems) > 0 || report.Status != "RECORDING_STARTED" || report.Segments != 5 {
		t.Errorf("the report is %+v", report)
	}
}

func TestVerify_AcceptsARecordingThatHasJustStarted(t *testing.T) {
	for name, missing := range map[string][]string{
		"no media playlist yet": {high + "playlist.m3u8"},
		"no playlist yet":       {high + "playlist.m3u8", "media/hls/multivariant.m3u8"},
	} {
		t.Run(name, func(t *testing.T) {
			f := whileWritten(t)
			for _, file := range missing {
				delete(f, file)
			}
			report, err := f.open(t).Verify(t.Context())
			check(t, err)
			if len(report.Problems) > 0 || report.Status != "RECORDING_STARTED" {
				t.Errorf("the report is %+v", report)
			}
		})
	}
}

// whileWritten is a recording with a segment that the playlist does not list yet.
func whileWritten(t *testing.T) files {
	f := record(t)
	delete(f, "events/recording-ended.json")
	list := bytes.TrimSuffix(f[high+"playlist.m3u8"], []byte("#EXT-X-ENDLIST\n"))
	f[high+"playlist.m3u8"] = bytes.Replace(list, []byte("VOD"), []byte("EVENT"), 1)
	f[high+"5.mp4"] = f[high+"4.mp4"]
	return f
}
