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

// Limits are those of a profile, open or aws, with changes. As text they are aws,stages=5, in
// YAML also a map such as {profile: aws, stages: 5}.
type Limits struct {
	control.Limits
	profile string
	changes map[string]string // by limit
}

var profiles = map[string]func() control.Limits{"open": control.OpenLimits, "aws": control.AWSLimits}

// UnmarshalText reads a profile and changes, separated by commas.
func (l *Limits) UnmarshalText(text []byte) error {
	made := Limits{profile: "open", changes: map[string]string{}}
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
			made.changes[name] = value
		}
	}
	profile, ok := profiles[made.profile]
	if !ok {
		return fmt.Errorf("%q is not one of the profiles open, aws", made.profile)
	}
	made.Limits = profile()
	fields := limitFields(&made.Limits)
	for _, name := range slices.Sorted(maps.Keys(made.changes)) {
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf("there is no limit %q%s", name, suggestion(name, maps.Keys(fields)))
		}
		if err := setLimit(field, made.changes[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	*l = made
	return nil
}

// String is the text form.
func (l Limits) String() string {
	text := l.profile
	for _, name := range slices.Sorted(maps.Keys(l.changes)) {
		text += "," + name + "=" + l.changes[name]
	}
	return text
}

// limitFields are the single limits by the names in their tags.
func limitFields(l *control.Limits) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	v := reflect.ValueOf(l).Elem()
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("setting")] = v.Field(i)
	}
	return fields
}

// StageLimits are the limits of live stages.
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
			return fmt.Errorf("%q is not a duration such as 24h; 0s is no limit", text)
		}
		field.SetInt(int64(d))
	case int:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a whole number; 0 is no limit", text)
		}
		field.SetInt(int64(n))
	case float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !(f >= 0) || f > 1e9 {
			return fmt.Errorf("%q is not a number of requests per second; 0 is no limit", text)
		}
		field.SetFloat(f)
	default:
		return errors.New("cannot be set")
	}
	return nil
}

// suggestion names the known word that is most similar to a wrong one, if one is similar.
func suggestion(wrong string, known iter.Seq[string]) string {
	wrong = strings.ReplaceAll(strings.ToLower(wrong), "-", "_")
	best, at := "", 4 // more than three changes are not a typing error
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

// distance is the Levenshtein distance: the letters to insert, remove or change to get from
// a to b.
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
