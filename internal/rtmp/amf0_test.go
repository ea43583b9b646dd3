package rtmp

import (
	"bytes"
	"strings"
	"testing"
)

// Values of each type of AMF0, as encoders may send them.
var amfValues = map[string]string{
	"a number": "\x00\x40\x08\x00\x00\x00\x00\x00\x00", "a boolean": "\x01\x01", "a string": "\x02\x00\x03abc", "an empty string": "\x02\x00\x00",
	"an object": "\x03\x00\x01a\x01\x00\x00\x00\x09", "a movie clip": "\x04", "null": "\x05", "undefined": "\x06", "a reference": "\x07\x00\x01",
	"an array": "\x08\x00\x00\x00\x01\x00\x01a\x05\x00\x00\x09", "an array that counts wrongly": "\x08\x00\x00\x00\x63\x00\x00\x09",
	"a strict array": "\x0a\x00\x00\x00\x02\x05\x02\x00\x01x", "a date": "\x0b\x42\x77\x0d\x9f\x3c\x00\x00\x00\x00\x00",
	"a long string": "\x0c\x00\x00\x00\x02xy", "unsupported": "\x0d", "a record set": "\x0e", "XML": "\x0f\x00\x00\x00\x04<a/>",
	"a typed object": "\x10\x00\x02ab\x00\x01c\x10\x00\x01d\x00\x00\x09\x00\x00\x09",
}

func TestCommand_IsReadWithValuesOfAnyType(t *testing.T) {
	const begin, app = "\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00", "\x00\x03app\x02\x00\x03app"
	for name, value := range amfValues {
		for where, body := range map[string]string{
			"before":     begin + "\x03\x00\x01x" + value + app + "\x00\x00\x09",
			"after":      begin + "\x03" + app + "\x00\x01x" + value + "\x00\x00\x09" + value,
			"in objects": begin + "\x03\x00\x01x\x03\x00\x01y\x08\x00\x00\x00\x00\x00\x01z" + value + "\x00\x00\x09\x00\x00\x09" + app + "\x00\x00\x09",
			"in arrays":  begin + "\x03\x00\x01x\x0a\x00\x00\x00\x01" + value + app + "\x00\x00\x09",
		} {
			c, ok := message{kind: commandAMF0, body: []byte(body)}.command()
			if !ok || c.name != "connect" || c.id != 1 || c.text(0, "app") != "app" {
				t.Errorf("%s %s the application: %v %+v", name, where, ok, c)
			}
		}
	}
	for name, body := range map[string]string{
		"AMF3":                   begin + "\x03" + app + "\x00\x01x\x11\x0a\x0b\x01\x00\x00\x09",
		"an unknown type":        begin + "\x03" + app + "\x00\x01x\x7f",
		"a truncated object":     begin + "\x03" + app,
		"a truncated value":      begin + "\x03" + app + "\x00\x01x\x00\x40",
		"an object without end":  begin + "\x03" + app + "\x00\x00",
		"a string that is short": begin + "\x03" + app + "\x00\x01x\x02\xff\xffabc",
	} {
		c, ok := message{kind: commandAMF0, body: []byte(body)}.command()
		if !ok || c.text(0, "app") != "app" {
			t.Errorf("%s after the application: %v %+v", name, ok, c)
		}
	}
}

func TestCommand_BoundsNesting(t *testing.T) {
	for _, marker := range []string{"\x03\x00\x01x", "\x08\x00\x00\x00\x01\x00\x01x", "\x0a\x00\x00\x00\x01", "\x0a\xff\xff\xff\xff"} {
		body := "\x02\x00\x01c\x00\x3f\xf0\x00\x00\x00\x00\x00\x00" + strings.Repeat(marker, maxCommand/len(marker))
		if c, ok := (message{kind: commandAMF0, body: []byte(body)}).command(); !ok || c.name != "c" {
			t.Errorf("%x: %v %v", marker, ok, c.name)
		}
	}
}

func TestSplitName_FindsTheKeyInEachDivisionOfAnAddress(t *testing.T) {
	for _, c := range []struct{ application, stream, app, key string }{
		{"app", "key", "app", "key"},
		{"app/", "/key", "app", "key"},
		{"/app", "key/", "app", "key"},
		{"", "app/key", "app", "key"},
		{"app/key", "", "app", "key"},
		{"", "key", "", "key"},
		{"key", "", "", "key"},
		{"app?token=1/2", "key?priority=1", "app", "key"},
		{"app", "key?a=b/c", "app", "key"},
		{"app/?x", "?y", "", "app"},
		{"live", "key", "live", "key"},
		{"app", "one/two", "app", "one/two"},
		{"app/one", "two", "app", "one/two"},
		{"", "", "", ""},
	} {
		if app, key := splitName(c.application, c.stream); app != c.app || key != c.key {
			t.Errorf("%q and %q are application %q, key %q; expected %q, %q", c.application, c.stream, app, key, c.app, c.key)
		}
	}
}

func FuzzParseAMF0(f *testing.F) {
	for _, v := range amfValues {
		f.Add([]byte(v + v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		if n := len(parseAMF0(b)); n > len(b) || !bytes.Equal(b, before) {
			t.Errorf("%d values in %d bytes, or they were changed", n, len(b))
		}
	})
}
