package stage

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"rostrum/ivsrealtime"
)

// A Client is what a participant's program says about itself. GetParticipant
// shows it.
type Client struct {
	BrowserName    string
	BrowserVersion string
	OSName         string
	OSVersion      string
	SDKVersion     string

	NeedsVideo bool // its offers to publish

	dtlsServer bool // as a DTLS server it speaks DTLS 1.3 and SRTP with AEAD_AES_128_GCM
}

// maxClientText bounds each text of a Client, in bytes.
const maxClientText = 128

// truncate cuts a text that is too long, at a character.
func truncate(s string) string {
	if len(s) <= maxClientText {
		return strings.ToValidUTF8(s, "")
	}
	s = s[:maxClientText]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// merge returns the client with the fields that newer has in place of its own.
func (c Client) merge(newer Client) Client {
	for _, f := range []struct{ to, from *string }{
		{&c.BrowserName, &newer.BrowserName}, {&c.BrowserVersion, &newer.BrowserVersion},
		{&c.OSName, &newer.OSName}, {&c.OSVersion, &newer.OSVersion}, {&c.SDKVersion, &newer.SDKVersion},
	} {
		if *f.from != "" {
			*f.to = truncate(*f.from)
		}
	}
	return c
}

// fill writes the client into a participant.
func (c Client) fill(p *ivsrealtime.Participant) {
	p.BrowserName, p.BrowserVersion = c.BrowserName, c.BrowserVersion
	p.OSName, p.OSVersion, p.SDKVersion = c.OSName, c.OSVersion, c.SDKVersion
}

// browsers are the products of User-Agent texts, the more specific first: Edge
// says Chrome as well, and Chrome says Safari.
var browsers = []struct{ product, name string }{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
	{"HeadlessChrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
	{"Chrome/", "Chrome"}, {"Version/", "Safari"}, // Safari's own number says nothing
	{"OBS-Studio/", "OBS Studio"}, {"GStreamer", "GStreamer"}, {"Lavf/", "FFmpeg"}, {"aiortc/", "aiortc"},
}

// dtlsServers are the browsers that are known to be good DTLS servers, with the oldest version
// that was tested. Browsers with another engine have other products: Chrome on iOS is CriOS.
var dtlsServers = []struct {
	product string
	oldest  int
}{{"Chrome/", 156}, {"Firefox/", 153}}

// systems are the operating systems of User-Agent texts, the more specific
// first.
var systems = []struct{ mark, name string }{
	{"Windows NT ", "Windows"}, {"CrOS ", "ChromeOS"}, {"Android ", "Android"}, {"iPhone OS ", "iOS"}, {"CPU OS ", "iPadOS"},
	{"Mac OS X ", "macOS"}, {"Linux", "Linux"},
}

// ParseUserAgent reads what the common browsers and encoders send. Of an
// unknown text, the first product becomes the browser's name.
func ParseUserAgent(text string) Client {
	text = text[:min(len(text), 512)]
	var c Client
	for _, b := range browsers {
		if at := strings.Index(text, b.product); at >= 0 {
			c.BrowserName, c.BrowserVersion = b.name, versionAt(text[at+len(b.product):])
			break
		}
	}
	for _, s := range systems {
		if at := strings.Index(text, s.mark); at >= 0 {
			c.OSName, c.OSVersion = s.name, strings.ReplaceAll(versionAt(text[at+len(s.mark):]), "_", ".")
			break
		}
	}
	for _, b := range dtlsServers {
		if _, version, ok := strings.Cut(text, b.product); ok {
			major, _, _ := strings.Cut(version, ".")
			n, _ := strconv.Atoi(major)
			c.dtlsServer = n >= b.oldest
		}
	}
	if c.BrowserName == "" {
		product, _, _ := strings.Cut(text, " ")
		name, version, _ := strings.Cut(product, "/")
		c.BrowserName, c.BrowserVersion = truncate(name), truncate(version)
	}
	return c
}

// versionAt is the version number that s begins with.
func versionAt(s string) string {
	s = strings.TrimLeft(s, "/ ")
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '_' })
	if end >= 0 {
		s = s[:end]
	}
	return truncate(s)
}
