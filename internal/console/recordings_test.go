package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"rostrum/ivsrealtime"
)

// record puts the files of a recording into a bucket.
func (f *fixture) record(t *testing.T, prefix, account, region, participant string) {
	t.Helper()
	b, err := f.buckets(region, "recordings")
	if err != nil {
		t.Fatal(err)
	}
	stage, _, _ := strings.Cut(prefix, "/")
	about := fmt.Sprintf(`{"version":"v1","stage_arn":"arn:aws:ivs:%s:%s:stage/%s","participant_id":%q,"recording_started_at":"2026-01-02T03:04:05Z","recording_status":"RECORDING_STARTED","media":{}}`,
		region, account, stage, participant)
	for name, content := range map[string]string{
		"events/recording-started.json": about, "media/hls/multivariant.m3u8": "#EXTM3U\n", "media/hls/high/0.mp4": "segment", "media/latest_thumbnail/high/thumb.jpg": "picture",
	} {
		if err := b.Put(t.Context(), prefix+"/"+name, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
}

// createStorage returns the ARN of a storage configuration.
func (f *fixture) createStorage(t *testing.T, cookie *http.Cookie) string {
	t.Helper()
	var made ivsrealtime.CreateStorageConfigurationOutput
	a := f.send(request{path: "/CreateStorageConfiguration", body: `{"s3":{"bucketName":"recordings"}}`, cookie: cookie})
	if err := json.NewDecoder(a.Body).Decode(&made); a.StatusCode != http.StatusOK || err != nil {
		t.Fatalf("CreateStorageConfiguration is answered with %d, %v", a.StatusCode, err)
	}
	return made.StorageConfiguration.ARN
}

// A listed is a page of recordings.
type listed struct {
	Recordings []struct{ Prefix, StageARN, Status string }
	NextToken  string
}

func TestRecordings_AreListedPageByPage(t *testing.T) {
	f := newFixture(t, "")
	cookie := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	storage := f.createStorage(t, cookie)
	expected := map[string]bool{}
	for i := range 28 {
		prefix := fmt.Sprintf("Stage%07d/st-1/p/t", i/2) + fmt.Sprint(i%2)
		f.record(t, prefix, account, region, "p")
		expected[prefix] = true
	}
	f.record(t, "Others/st-1/p/t", "999988887777", region, "p")
	f.record(t, "Elsewhere/st-1/p/t", account, "us-east-1", "p")
	seen := map[string]bool{}
	pages := 0
	for token := "start"; token != ""; pages++ {
		q := url.Values{"storage": {storage}, "nextToken": {strings.TrimPrefix(token, "start")}}
		var page listed
		a := f.send(request{method: http.MethodGet, path: "/console/data/recordings?" + q.Encode(), cookie: cookie})
		if err := json.NewDecoder(a.Body).Decode(&page); a.StatusCode != http.StatusOK || err != nil {
			t.Fatalf("the list is answered with %d, %v", a.StatusCode, err)
		}
		for _, r := range page.Recordings {
			if seen[r.Prefix] || !expected[r.Prefix] || r.Status != "RECORDING_STARTED" {
				t.Errorf("the list has %+v", r)
			}
			seen[r.Prefix] = true
		}
		token = page.NextToken
	}
	if len(seen) != len(expected) || pages < 2 {
		t.Errorf("the list has %d recordings in %d pages, expected %d in at least 2", len(seen), pages, len(expected))
	}
	a := f.send(request{method: http.MethodGet, path: "/console/data/recordings?below=Stage0000007&storage=" + url.QueryEscape(storage), cookie: cookie})
	if body := text(a); strings.Count(body, `"prefix"`) != 2 {
		t.Errorf("one stage has the recordings %s", body)
	}
}

func TestRecording_IsShownToItsAccount(t *testing.T) {
	f := newFixture(t, "")
	cookie := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	storage := f.createStorage(t, cookie)
	f.record(t, "Mine/st-1/p/t", account, region, "<b>")
	f.record(t, "Others/st-1/p/t", "999988887777", region, "p")
	ask := func(method, what, prefix string, who *http.Cookie) *http.Response {
		q := url.Values{"storage": {storage}, "prefix": {prefix}}
		return f.send(request{method: method, path: "/console/data/" + what + "?" + q.Encode(), cookie: who})
	}
	var shown struct {
		Base, Query, Playlist string
		Files                 int
		Listed                []struct {
			Name string
			Size int
		}
	}
	if err := json.NewDecoder(ask(http.MethodGet, "recording", "Mine/st-1/p/t", cookie).Body).Decode(&shown); err != nil {
		t.Fatal(err)
	}
	if shown.Files != 4 || len(shown.Listed) != 4 || shown.Listed[1].Name != "media/hls/high/0.mp4" || shown.Listed[1].Size != 7 ||
		shown.Base != "/buckets/recordings/Mine/st-1/p/t/" || shown.Query != "?signature=s" || shown.Playlist != shown.Base+"media/hls/multivariant.m3u8?signature=s" {
		t.Errorf("it is shown as %+v", shown)
	}
	var report struct{ Problems []struct{ File string } }
	if err := json.NewDecoder(ask(http.MethodPost, "recording/verify", "Mine/st-1/p/t", cookie).Body).Decode(&report); err != nil || len(report.Problems) == 0 {
		t.Errorf("verifying a damaged recording finds %+v, %v", report, err)
	}
	reader := f.signIn(t, keyBody("AKIAREADER", "reader-secret"))
	for _, method := range [][2]string{{http.MethodGet, "recording"}, {http.MethodPost, "recording/verify"}, {http.MethodGet, "recordings"}} {
		for _, prefix := range []string{"Others/st-1/p/t", "Mine/st-1", "", "..", "../recordings/Mine/st-1/p/t", "/etc", "Mine//st-1/p/t"} {
			if a := ask(method[0], method[1], prefix, cookie); method[1] != "recordings" && code(a) != ivsrealtime.ResourceNotFound {
				t.Errorf("%s of %q is answered with %d %s", method[1], prefix, a.StatusCode, text(a))
			}
		}
		if a := ask(method[0], method[1], "Mine/st-1/p/t", reader); code(a) != ivsrealtime.AccessDenied || !strings.Contains(text(a), "rostrum:ReadRecordings") {
			t.Errorf("%s by a reader is answered with %d", method[1], a.StatusCode)
		}
		if a := ask(method[0], method[1], "Mine/st-1/p/t", nil); code(a) != ivsrealtime.MissingAuthentication {
			t.Errorf("%s by nobody is answered with %d", method[1], a.StatusCode)
		}
	}
	if a := f.send(request{method: http.MethodGet, path: "/console/data/recordings?below=../x&storage=" + url.QueryEscape(storage), cookie: cookie}); code(a) != ivsrealtime.ValidationFailed {
		t.Errorf("a list outside of the bucket is answered with %d", a.StatusCode)
	}
}
