package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The events and patterns are of the forms that the EventBridge User Guide
// documents for content filtering.
const sample = `{"version":"0","source":"aws.ivs","detail-type":"IVS Stage Update","account":"111122223333","region":"eu-west-1",
	"resources":["arn:aws:ivs:eu-west-1:111122223333:stage/Ab3dEf6hIj9k"],
	"detail":{"event_name":"Participant Published","participant_id":"Qw2eRt5yUi8o","user_id":"","count":5,"price":300,"ip":"10.0.0.17",
	"path":"media/hls/high/12.mp4","replica":true,"nothing":null,"empty":[],"nested":{"deep":{"x":"y"}},
	"tokens":[{"capability":"PUBLISH","user":"ann"},{"capability":"SUBSCRIBE","user":"bob"}],"list":["a","b"]}}`

func TestPattern_MatchesAsEventBridgeDocuments(t *testing.T) {
	doc, err := parseDocument([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		pattern string
		want    bool
	}{
		"a value":                        {`{"source":["aws.ivs"]}`, true},
		"another value":                  {`{"source":["aws.ec2"]}`, false},
		"one of several":                 {`{"source":["aws.ec2","aws.ivs"]}`, true},
		"another case":                   {`{"source":["AWS.IVS"]}`, false},
		"all fields must match":          {`{"source":["aws.ivs"],"account":["999988887777"]}`, false},
		"nested":                         {`{"detail":{"event_name":["Participant Published"]}}`, true},
		"deeply nested":                  {`{"detail":{"nested":{"deep":{"x":["y"]}}}}`, true},
		"a list of the event":            {`{"resources":["arn:aws:ivs:eu-west-1:111122223333:stage/Ab3dEf6hIj9k","other"]}`, true},
		"any item of a list":             {`{"detail":{"list":["b"]}}`, true},
		"one object of a list":           {`{"detail":{"tokens":{"capability":["PUBLISH"],"user":["ann"]}}}`, true},
		"never two objects together":     {`{"detail":{"tokens":{"capability":["PUBLISH"],"user":["bob"]}}}`, false},
		"a number":                       {`{"detail":{"price":[300]}}`, true},
		"a number spelled otherwise":     {`{"detail":{"price":[300.0]}}`, true},
		"a number is no string":          {`{"detail":{"price":["300"]}}`, false},
		"a boolean":                      {`{"detail":{"replica":[true]}}`, true},
		"null":                           {`{"detail":{"nothing":[null]}}`, true},
		"the empty string":               {`{"detail":{"user_id":[""]}}`, true},
		"null is not the empty string":   {`{"detail":{"user_id":[null]}}`, false},
		"prefix":                         {`{"region":[{"prefix":"eu-"}]}`, true},
		"another prefix":                 {`{"region":[{"prefix":"us-"}]}`, false},
		"prefix in any case":             {`{"region":[{"prefix":{"equals-ignore-case":"EU-"}}]}`, true},
		"suffix":                         {`{"detail":{"path":[{"suffix":".mp4"}]}}`, true},
		"suffix in any case":             {`{"detail":{"path":[{"suffix":{"equals-ignore-case":".MP4"}}]}}`, true},
		"equals in any case":             {`{"source":[{"equals-ignore-case":"AWS.ivs"}]}`, true},
		"wildcard":                       {`{"detail":{"path":[{"wildcard":"media/*/high/*.mp4"}]}}`, true},
		"wildcard that ends early":       {`{"detail":{"path":[{"wildcard":"media/*/high"}]}}`, false},
		"wildcard with an escaped star":  {`{"detail":{"path":[{"wildcard":"media/\\*"}]}}`, false},
		"anything but":                   {`{"source":[{"anything-but":"aws.ec2"}]}`, true},
		"anything but this":              {`{"source":[{"anything-but":["aws.ivs","aws.s3"]}]}`, false},
		"anything but a number":          {`{"detail":{"count":[{"anything-but":5}]}}`, false},
		"anything but a prefix":          {`{"region":[{"anything-but":{"prefix":"us-"}}]}`, true},
		"anything but prefixes":          {`{"region":[{"anything-but":{"prefix":["us-","eu-"]}}]}`, false},
		"anything but a suffix":          {`{"detail":{"path":[{"anything-but":{"suffix":".ts"}}]}}`, true},
		"anything but a wildcard":        {`{"detail":{"path":[{"anything-but":{"wildcard":"*/high/*"}}]}}`, false},
		"anything but in any case":       {`{"source":[{"anything-but":{"equals-ignore-case":["AWS.IVS"]}}]}`, false},
		"anything but needs a value":     {`{"detail":{"missing":[{"anything-but":"x"}]}}`, false},
		"numeric":                        {`{"detail":{"count":[{"numeric":["=",5]}]}}`, true},
		"numeric by value, not spelling": {`{"detail":{"price":[{"numeric":["=",3.0e2]}]}}`, true},
		"a range":                        {`{"detail":{"count":[{"numeric":[">",0,"<=",5]}]}}`, true},
		"outside a range":                {`{"detail":{"count":[{"numeric":[">",5,"<",9]}]}}`, false},
		"numeric of a string":            {`{"detail":{"user_id":[{"numeric":["<",1]}]}}`, false},
		"exists":                         {`{"detail":{"count":[{"exists":true}]}}`, true},
		"null exists":                    {`{"detail":{"nothing":[{"exists":true}]}}`, true},
		"does not exist":                 {`{"detail":{"missing":[{"exists":true}]}}`, false},
		"must not exist":                 {`{"detail":{"missing":[{"exists":false}]}}`, true},
		"must not exist, but does":       {`{"detail":{"count":[{"exists":false}]}}`, false},
		"an empty list has no value":     {`{"detail":{"empty":[{"exists":false}]}}`, true},
		"exists is of leaves alone":      {`{"detail":{"nested":[{"exists":true}]}}`, false},
		"must not exist below nothing":   {`{"detail":{"missing":{"below":[{"exists":false}]}}}`, true},
		"cidr":                           {`{"detail":{"ip":[{"cidr":"10.0.0.0/24"}]}}`, true},
		"another block":                  {`{"detail":{"ip":[{"cidr":"10.0.1.0/24"}]}}`, false},
		"or, the first":                  {`{"$or":[{"source":["aws.ivs"]},{"account":["0"]}]}`, true},
		"or, the second":                 {`{"$or":[{"source":["x"]},{"account":["111122223333"]}]}`, true},
		"or, neither":                    {`{"$or":[{"source":["x"]},{"account":["0"]}]}`, false},
		"or and more":                    {`{"region":["us-east-1"],"$or":[{"source":["aws.ivs"]},{"account":["0"]}]}`, false},
		"or inside":                      {`{"detail":{"$or":[{"count":[{"numeric":[">",9]}]},{"replica":[true]}]}}`, true},
		"comparisons beside values":      {`{"source":["x",{"prefix":"aws."}]}`, true},
	} {
		p, err := ParsePattern([]byte(tt.pattern))
		if err != nil {
			t.Errorf("%s: %s: %v", name, tt.pattern, err)
			continue
		}
		if got := p.Matches(doc); got != tt.want {
			t.Errorf("%s: %s matches: %v, expected %v", name, tt.pattern, got, tt.want)
		}
	}
}

func TestParsePattern_NamesThePlaceOfAFault(t *testing.T) {
	for name, tt := range map[string]struct{ pattern, says string }{
		"no object":                {`[]`, "no JSON object"},
		"empty":                    {`{}`, "empty"},
		"a value that is no list":  {`{"detail":{"x":"y"}}`, "detail.x must be a list"},
		"an empty list":            {`{"detail":{"x":[]}}`, "detail.x is an empty list"},
		"an unknown comparison":    {`{"x":[{"like":"y"}]}`, "x[0].like"},
		"two comparisons":          {`{"x":[{"prefix":"y","suffix":"z"}]}`, "one comparison"},
		"a prefix that is no text": {`{"x":[{"prefix":7}]}`, "x[0].prefix must be a string"},
		"numeric without numbers":  {`{"x":[{"numeric":["<"]}]}`, "numeric"},
		"an operator unknown":      {`{"x":[{"numeric":["!=",1]}]}`, "!="},
		"an enormous number":       {`{"x":[{"numeric":["<",1e999999999]}]}`, "float64"},
		"a number too exact":       {`{"x":[{"anything-but":12345678901234567}]}`, "float64"},
		"bounds the wrong way":     {`{"x":[{"numeric":["<",5,">",0]}]}`, "lower bound first"},
		"an empty range":           {`{"x":[{"numeric":[">",5,"<",5]}]}`, "x[0].numeric has a lower bound"},
		"strings and numbers":      {`{"x":[{"anything-but":["a",5]}]}`, "x[0].anything-but has strings and numbers"},
		"a block of one address":   {`{"x":[{"cidr":"10.0.0.0/32"}]}`, "fewer than 32 bits"},
		"too many alternatives":    {"{" + strings.Repeat(`"$or":[{"a":[1]},{"b":[1]}],`, 10) + `"c":[1]}`, "$or has more than 1000"},
		"exists of a string":       {`{"x":[{"exists":"yes"}]}`, "true or false"},
		"no address block":         {`{"x":[{"cidr":"10.0.0.0"}]}`, "cidr"},
		"two stars":                {`{"x":[{"wildcard":"a**b"}]}`, "two stars"},
		"a stray backslash":        {`{"x":[{"wildcard":"a\\b"}]}`, "backslash"},
		"too many, in the last":    {orLists(7, 11, 13), "c.$or has more than 1000"},
		"a fault within $or":       {`{"$or":[{"a":[1]},{"a":[]}]}`, "$or[1]: a is an empty list"},
		"the same below":           {`{"d":{"$or":[{"a":[1]},{"a":[]}]}}`, "d.$or[1]: d.a is an empty list"},
		"a field named $or":        {`{"$or":[{"a":[1]},{"b":[1]}],"d":{"e":{"$or":["x"]}}}`, "d.e.$or must list two objects"},
		"a field named $or on top": {`{"$or":["x"],"d":{"$or":[{"a":[1]},{"b":[1]}]}}`, "pattern: $or must list two objects"},
		"too long":                 {`{"x":["` + strings.Repeat("y", MaxPattern) + `"]}`, "2048"},
	} {
		if _, err := ParsePattern([]byte(tt.pattern)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, expected an error with %q", name, err, tt.says)
		}
	}
}

// orLists is a pattern of the fields a, b, c … that have a $or of these lengths.
func orLists(lengths ...int) string {
	var fields []string
	for i, length := range lengths {
		fields = append(fields, fmt.Sprintf(`"%c":{"$or":[%s]}`, 'a'+i, strings.TrimSuffix(strings.Repeat(`{"x":[1]},`, length), ",")))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func TestParsePattern_TakesWhatIsAtItsBounds(t *testing.T) {
	const shell = `{"x":[""]}`
	for name, pattern := range map[string]string{
		"1000 combinations": orLists(10, 10, 10),
		"2048 bytes":        `{"x":["` + strings.Repeat("y", MaxPattern-len(shell)) + `"]}`,
	} {
		if _, err := ParsePattern([]byte(pattern)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParsePattern([]byte(`{"x":["` + strings.Repeat("y", MaxPattern-len(shell)+1) + `"]}`)); err == nil {
		t.Error("2049 bytes are taken")
	}
}

func TestPattern_ComparesAtTheBoundsOfAValue(t *testing.T) {
	for _, c := range []struct {
		name, pattern, event string
		want                 bool
	}{
		{"a number before a blank", `{"x":[{"anything-but":"1"},1]}`, "{\"x\":1 }", true},
		{"a literal before a blank", `{"x":[true]}`, "{\"x\":true }", true},
		{"a number with many zeros", `{"x":[0.0000000000000001]}`, `{"x":1e-16}`, true},
		{"the same with fewer", `{"x":[0.000000000000001]}`, `{"x":1e-16}`, false},
		{"the lowest IPv4 address of a block of IPv6", `{"x":[{"cidr":"c000:0200::/24"}]}`, `{"x":"192.0.2.0"}`, false},
		{"one above it", `{"x":[{"cidr":"c000:0200::/24"}]}`, `{"x":"192.0.2.1"}`, true},
		{"one below the highest", `{"x":[{"cidr":"c000:0200::/24"}]}`, `{"x":"192.0.2.254"}`, true},
		{"the highest", `{"x":[{"cidr":"c000:0200::/24"}]}`, `{"x":"192.0.2.255"}`, false},
	} {
		p, err := ParsePattern([]byte(c.pattern))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := parseDocument([]byte(c.event))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Matches(doc); got != c.want {
			t.Errorf("%s: %s matches %s: %v, expected %v", c.name, c.pattern, c.event, got, c.want)
		}
	}
	doc, err := parseDocument([]byte("{\"x\":[1 , true\n]}"))
	if err != nil || len(doc.fields) != 2 || doc.fields[0].value.text != "1" || doc.fields[1].value.text != "true" {
		t.Errorf("values before blanks are read as %+v, %v", doc, err)
	}
}

func TestPattern_DocumentOfAnInvalidEventIsAnError(t *testing.T) {
	if _, err := (Event{Detail: json.RawMessage("{")}).Document(); err == nil {
		t.Error("an event whose detail is no JSON is read")
	}
}

// A search of many steps remembers what failed, for each element of a list.
func TestPattern_FindsTheLastOfManyElements(t *testing.T) {
	p, err := ParsePattern([]byte(`{"a":{"x":[1],"y":[1]}}`))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parseDocument([]byte(`{"a":[` + strings.Repeat(`{"x":1,"y":0},`, 2*patientSteps) + `{"x":1,"y":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Matches(doc) {
		t.Error("the last element is not found")
	}
}

// A search that tries every combination of elements would take 30^10 steps.
func TestPattern_MatchesManyListsInLittleTime(t *testing.T) {
	var pattern, event strings.Builder
	for _, name := range "abcdefghij" {
		fmt.Fprintf(&pattern, `"%c":{"x":[{"exists":true}]},`, name)
		fmt.Fprintf(&event, `"%c":[%s{}],`, name, strings.Repeat(`{"x":1},`, 30))
	}
	p, err := ParsePattern([]byte("{" + pattern.String() + `"z":["missing"]}`))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parseDocument([]byte("{" + event.String() + `"z":"there"}`))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if p.Matches(doc) {
		t.Error("matches")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

func parseDocument(text []byte) (Document, error) {
	if !json.Valid(text) {
		return Document{}, errors.New("not JSON")
	}
	return readDocument(text)
}

func FuzzPattern(f *testing.F) {
	f.Add(`{"detail":{"count":[{"numeric":[">",0,"<=",5]}]}}`, sample)
	f.Add(`{"$or":[{"a":["b"]},{"c":[{"exists":false}]}]}`, `{"a":[[["b"]]]}`)
	f.Add(`{"a":[{"wildcard":"*a*a*a*"}]}`, `{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaa"}`)
	f.Fuzz(func(_ *testing.T, pattern, event string) {
		p, err := ParsePattern([]byte(pattern))
		if err != nil {
			return
		}
		if doc, err := parseDocument([]byte(event)); err == nil {
			p.Matches(doc)
		}
	})
}

func BenchmarkPattern_TenTargets(b *testing.B) {
	p, err := ParsePattern([]byte(`{"source":["aws.ivs"],"detail-type":["IVS Stage Update"],"detail":{"event_name":[{"prefix":"Participant"}],"user_id":[{"anything-but":"bot"}]}}`))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		doc, err := readDocument([]byte(sample))
		if err != nil {
			b.Fatal(err)
		}
		for range 10 {
			if !p.Matches(doc) {
				b.Fatal("no match")
			}
		}
	}
}
