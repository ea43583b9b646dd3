package ivsrealtime

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"
)

// shapes is the service's specification of every constrained value: what the
// word in a field's shape tag means. Lengths count characters, lists and maps
// count entries; patterns are anchored (API model, shape traits).
var shapes = map[string]shape{
	"stageARN":           arnOf("stage"),
	"stageARNOrEmpty":    orEmpty(arnOf("stage")),
	"compositionARN":     arnOf("composition"),
	"encoderARN":         arnOf("encoder-configuration"),
	"storageARN":         arnOf("storage-configuration"),
	"storageARNOrEmpty":  orEmpty(arnOf("storage-configuration")),
	"ingestARN":          arnOf("ingest-configuration"),
	"publicKeyARN":       arnOf("public-key"),
	"channelARN":         arnOf("channel"),
	"resourceARN":        arnOf(`[a-z-]+`), // the model's own pattern matches no resource at all
	"name":               text(0, 128, `[a-zA-Z0-9-_]*`),
	"attributeKey":       text(0, 128, `[a-zA-Z0-9-_]*`),
	"userID":             text(0, 128, ``),
	"disconnectReason":   text(0, 128, ``),
	"sessionID":          text(16, 16, `st-[a-zA-Z0-9]+`),
	"participantID":      text(0, 64, `[a-zA-Z0-9-]*`),
	"tokenParticipantID": text(0, 64, `[a-zA-Z0-9-_]*`),
	"idempotencyToken":   text(1, 64, `[a-zA-Z0-9-_]*`),
	"nextToken":          text(0, 1024, `[a-zA-Z0-9+/=_-]*`),
	"bucketName":         text(3, 63, `[a-z0-9-.]+`),
	"publicKeyMaterial":  containing(`-----BEGIN PUBLIC KEY-----\r?\n([a-zA-Z0-9+/=\r\n]+)\r?\n-----END PUBLIC KEY-----(\r?\n)?`),

	"maxResults":        number(1, 100),
	"maxReplicas":       number(1, 50),
	"tokenMinutes":      number(1, 20160), // fourteen days
	"reconnectWindow":   number(0, 300),
	"thumbnailInterval": number(1, 86400),
	"segmentSeconds":    number(2, 10),
	"side":              even(number(2, 1920)),
	"framerate":         number(1, 60),
	"videoBitrate":      number(1, 8_500_000),
	"pixels":            number(0, math.MaxInt32),
	"pipSide":           number(1, math.MaxInt32),

	"recordingMediaType":   oneOf(RecordAudioVideo, RecordAudioOnly, RecordNone),
	"thumbnailMode":        oneOf(ThumbnailInterval, ThumbnailDisabled),
	"thumbnailType":        oneOf(ThumbnailSequential, ThumbnailLatest),
	"capability":           oneOf(CapabilityPublish, CapabilitySubscribe),
	"participantState":     oneOf(ParticipantConnected, ParticipantDisconnected),
	"recordingStateFilter": oneOf(RecordingStarting, RecordingActive, RecordingStopping, RecordingStopped, RecordingFailed),
	"ingestProtocol":       oneOf(IngestRTMP, IngestRTMPS),
	"ingestState":          oneOf(IngestActive, IngestInactive),
	"recordingFormat":      oneOf(RecordingHLS),
	"aspectRatio":          oneOf(AspectAuto, AspectVideo, AspectSquare, AspectPortrait),
	"fillMode":             oneOf(FillStretch, FillCover, FillContain),
	"pipBehavior":          oneOf(PipStatic, PipDynamic),
	"pipPosition":          oneOf(PipTopLeft, PipTopRight, PipBottomLeft, PipBottomRight),

	"recordingMediaTypes":   list(0, 1, "recordingMediaType"),
	"thumbnailStorage":      unique(list(0, 2, "thumbnailType")),
	"capabilities":          list(0, 2, "capability"),
	"tokenConfigurations":   list(0, 12, ""),
	"encoderARNs":           list(1, 1, "encoderARN"),
	"compositionThumbnails": list(0, 1, ""),
	"destinations":          unique(list(1, 2, "")),
	"tagKeys":               list(0, MaxTags, "tagKey"),
	"tagKey":                unreserved(text(1, 128, tagPattern)),
	"tagValue":              text(0, 256, tagPattern),
	"tags":                  entries(0, MaxTags, "tagKey", "tagValue"),
	"attributes":            sized(1024),
}

// tagPattern is AWS's general rule for tags: letters, digits, spaces and _.:/=+-@.
const tagPattern = `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`

// A shape says what a value may be. check tells what is wrong with v, as the
// predicate of a sentence whose subject is the field; empty when all is well.
// v is never a pointer.
type shape struct {
	check func(v reflect.Value) string
	limits

	// member, key and value name the shapes of what is inside; empty for none.
	member, key, value string
}

// limits are what check holds, as data: for those who compare or translate it.
type limits struct {
	least, most int      // characters, items, entries, or the number itself; 0, 0 for a closed list of values
	pattern     string   // anchored
	values      []string // of a closed list
	unique      bool
}

func arnOf(resource string) shape {
	return text(1, 128, `arn:aws:ivs:[a-z0-9-]+:[0-9]+:`+resource+`/[a-zA-Z0-9-]+`)
}

func text(least, most int, pattern string) shape {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return shape{limits: limits{least: least, most: most, pattern: pattern}, check: func(v reflect.Value) string {
		s := v.String()
		n := utf8.RuneCountInString(s)
		switch {
		case n < least && least == most, n > most && least == most:
			return sprintf("has %d characters, must have exactly %d", n, least)
		case n < least:
			return sprintf("has %d characters, must have at least %d", n, least)
		case n > most:
			return sprintf("has %d characters, must have at most %d", n, most)
		case pattern != "" && !re.MatchString(s):
			return sprintf("is %q, must match %s", shorten(s), pattern)
		}
		return ""
	}}
}

func containing(pattern string) shape {
	re := regexp.MustCompile(pattern)
	return shape{limits: limits{pattern: `.*` + pattern + `.*`}, check: func(v reflect.Value) string {
		if !re.MatchString(v.String()) {
			return "is no PEM public key, must match " + pattern
		}
		return ""
	}}
}

// unreserved refuses the keys that only AWS itself may set and take away.
func unreserved(inner shape) shape {
	return shape{limits: inner.limits, check: func(v reflect.Value) string {
		if key := v.String(); len(key) >= 4 && strings.EqualFold(key[:4], "aws:") {
			return sprintf("is %q, must not begin with aws:, which is reserved", shorten(key))
		}
		return inner.check(v)
	}}
}

func number(least, most int) shape {
	return shape{limits: limits{least: least, most: most}, check: func(v reflect.Value) string {
		var n float64
		if v.CanInt() {
			n = float64(v.Int())
		} else {
			n = v.Float()
		}
		if !(n >= float64(least) && n <= float64(most)) { // NaN is outside too
			return sprintf("is %v, must be between %d and %d", v.Interface(), least, most)
		}
		return ""
	}}
}

func even(inner shape) shape {
	return shape{limits: inner.limits, check: func(v reflect.Value) string {
		if problem := inner.check(v); problem != "" {
			return problem
		}
		if v.Int()%2 != 0 {
			return sprintf("is %d, must be even", v.Int())
		}
		return ""
	}}
}

func oneOf[T ~string](values ...T) shape {
	allowed := make([]string, len(values))
	for i, v := range values {
		allowed[i] = string(v)
	}
	return shape{limits: limits{values: allowed}, check: func(v reflect.Value) string {
		for _, a := range allowed {
			if v.String() == a {
				return ""
			}
		}
		return sprintf("is %q, must be one of [%s]", shorten(v.String()), strings.Join(allowed, ", "))
	}}
}

func orEmpty(inner shape) shape {
	return shape{limits: limits{most: inner.most, pattern: `^$|^` + inner.pattern + `$`}, check: func(v reflect.Value) string {
		if v.Len() == 0 {
			return ""
		}
		return inner.check(v)
	}}
}

func list(least, most int, member string) shape {
	return shape{limits: limits{least: least, most: most}, member: member,
		check: func(v reflect.Value) string { return count(v.Len(), least, most, "items") }}
}

func entries(least, most int, key, value string) shape {
	return shape{limits: limits{least: least, most: most}, key: key, value: value,
		check: func(v reflect.Value) string { return count(v.Len(), least, most, "entries") }}
}

func count(n, least, most int, what string) string {
	switch {
	case n < least:
		return sprintf("has %d %s, must have at least %d", n, what, least)
	case n > most:
		return sprintf("has %d %s, must have at most %d", n, what, most)
	}
	return ""
}

func unique(inner shape) shape {
	held := inner.limits
	held.unique = true
	return shape{limits: held, member: inner.member, check: func(v reflect.Value) string {
		if problem := inner.check(v); problem != "" {
			return problem
		}
		for i := range v.Len() {
			for j := range i {
				if reflect.DeepEqual(v.Index(i).Interface(), v.Index(j).Interface()) {
					return sprintf("has equal items at %d and %d, must be unique", j, i)
				}
			}
		}
		return ""
	}}
}

// sized is a map of strings whose keys and values together have at most so many bytes of UTF-8.
func sized(most int) shape {
	return shape{check: func(v reflect.Value) string {
		n := 0
		for it := v.MapRange(); it.Next(); {
			n += len(it.Key().String()) + len(it.Value().String())
		}
		if n > most {
			return sprintf("has keys and values of %d bytes in total, must have at most %d", n, most)
		}
		return ""
	}}
}

func atMostOne(names string, given ...bool) string {
	n := 0
	for _, g := range given {
		if g {
			n++
		}
	}
	if n > 1 {
		return sprintf("%d of %s are given, at most one may be", n, names)
	}
	return ""
}

// shorten keeps a bad value from filling the log it is printed in.
func shorten(s string) string {
	const most = 64
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }
