package config

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/control"
	"rostrum/internal/stage"
)

// limits is a profile, open or aws, with single values laid over it. As text it
// is aws,stages=5; as YAML either that or a map such as {profile: aws, stages: 5}.
type Limits struct {
	control.Limits
	profile string
	over    map[string]string // values that differ from the profile's
}

var profiles = map[string]func() control.Limits{"open": control.OpenLimits, "aws": control.AWSLimits}

// UnmarshalText takes a profile and values, separated by commas.
func (l *Limits) UnmarshalText(text []byte) error {
	made := Limits{profile: "open", over: map[string]string{}}
	for i, part := range strings.Split(string(text), ",") {
		name, value, isValue := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case !isValue && i == 0:
			made.profile = name
		case !isValue:
			return fmt.Errorf("%q is not of the form NAME=VALUE", part)
		case name == "profile":
			made.profile = value
		default:
			made.over[name] = value
		}
	}
	profile, ok := profiles[made.profile]
	if !ok {
		return fmt.Errorf("%q is not one of the profiles open, aws", made.profile)
	}
	made.Limits = profile()
	fields := limitFields(&made.Limits)
	for _, name := range slices.Sorted(maps.Keys(made.over)) {
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf("there is no limit %q%s", name, suggestion(name, maps.Keys(fields)))
		}
		if err := setLimit(field, made.over[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	*l = made
	return nil
}

// String is the text form.
func (l Limits) String() string {
	text := l.profile
	for _, name := range slices.Sorted(maps.Keys(l.over)) {
		text += "," + name + "=" + l.over[name]
	}
	return text
}

// limitFields are the single limits by the names that their tags give them.
func limitFields(l *control.Limits) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	v := reflect.ValueOf(l).Elem()
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("setting")] = v.Field(i)
	}
	return fields
}

// live are the limits that live stages hold participants to.
func (l Limits) StageLimits() stage.Limits {
	return stage.Limits{
		Publishers: l.Publishers, Subscriptions: l.Subscriptions,
		StagePublishers: l.StagePublishers, StageSubscribers: l.StageSubscribers,
		PublishPixels: l.PublishPixels, PublishBitrate: l.PublishBitrate, DownloadBitrate: l.DownloadBitrate,
		ConnectionDuration: l.ConnectionDuration,
	}
}

func setLimit(field reflect.Value, text string) error {
	switch field.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no duration such as 24h; 0s is no limit", text)
		}
		field.SetInt(int64(d))
	case int:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number; 0 is no limit", text)
		}
		field.SetInt(int64(n))
	case float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !(f >= 0) || f > 1e9 {
			return fmt.Errorf("%q is no number of requests a second; 0 is no limit", text)
		}
		field.SetFloat(f)
	default:
		return errors.New("can't be set")
	}
	return nil
}

// suggestion names the known word nearest to a wrong one, if any is near.
func suggestion(wrong string, known iter.Seq[string]) string {
	wrong = strings.ReplaceAll(strings.ToLower(wrong), "-", "_")
	best, at := "", 4 // further away than three changes is no slip of the finger
	for word := range known {
		if d := distance(wrong, word); d < at || d == at && word < best {
			best, at = word, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance counts the letters to insert, remove or change to get from a to b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
