package stage

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseUserAgent_KnowsCommonClients(t *testing.T) {
	for text, want := range map[string]Client{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36":                          {"Chrome", "141.0.0.0", "Linux", "", "", false, false},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":          {"Edge", "140.0.0.0", "Windows", "10.0", "", false, false},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15":                  {"Safari", "18.1", "macOS", "10.15.7", "", false, false},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0 Mobile/15E148 Safari/604.1": {"Chrome", "130.0", "iOS", "18.0", "", false, false},
		"Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0":                                                                   {"Firefox", "132.0", "Android", "14", "", false, false},
		"Mozilla/5.0 (OBS-Studio/30.2.3; Windows x86_64; en-US)":                                                                                 {"OBS Studio", "30.2.3", "", "", "", false, false},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36":                          {"Chrome", "156.0.0.0", "Linux", "", "", false, true},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/157.0.0.0 Safari/537.36 Edg/157.0.0.0":          {"Edge", "157.0.0.0", "Windows", "10.0", "", false, true},
		"Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0":                                                                 {"Firefox", "153.0", "Linux", "", "", false, true},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/156.0 Mobile/15E148 Safari/604.1": {"Chrome", "156.0", "iOS", "26.0", "", false, false},
		"Lavf/61.7.100":  {"FFmpeg", "61.7.100", "", "", "", false, false},
		"rostrum-peer":   {"rostrum-peer", "", "", "", "", false, false},
		"my-app/1.2 (x)": {"my-app", "1.2", "", "", "", false, false},
		"":               {},
	} {
		if got := ParseUserAgent(text); got != want {
			t.Errorf("%s is read as %+v, want %+v", text, got, want)
		}
	}
}

func FuzzParseUserAgent_IsBounded(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0.0.0")
	f.Add("\xff/\xfe " + strings.Repeat("a", 4000))
	f.Fuzz(func(t *testing.T, text string) {
		c := ParseUserAgent(text)
		for _, s := range []string{c.BrowserName, c.BrowserVersion, c.OSName, c.OSVersion} {
			if len(s) > maxClientText || !utf8.ValidString(s) {
				t.Errorf("%q is read as %+v", text, c)
			}
		}
	})
}
