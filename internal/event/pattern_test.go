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
		"too long":                 {`{"x":["` + strings.Repeat("y", MaxPattern) + `"]}`, "2048"},
	} {
		if _, err := ParsePattern([]byte(tt.pattern)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, expected an error with %q", name, err, tt.says)
		}
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
