package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestParse_NamesThePlaceOfWhatIsWrong(t *testing.T) {
	in := func(statement string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` + statement + `]}`
	}
	with := func(condition string) string {
		return in(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition + `}`)
	}
	deep := strings.Repeat(`[`, 50) + strings.Repeat(`]`, 50)
	cases := []struct {
		name, document, place, problem string
	}{
		{"nothing", ``, "", "not JSON"},
		{"half a document", `{"Statement":`, "", "not JSON"},
		{"two documents", `{} {}`, "", "not JSON"},
		{"no object", `[]`, "", "must be an object, not a list"},
		{"not UTF-8", "{\"Id\":\"\xff\"}", "", "UTF-8"},
		{"too deep", `{"Id":` + deep + `}`, "", "nested"},
		{"too deep, in objects", strings.Repeat(`{"Id":`, 50) + "1" + strings.Repeat(`}`, 50), "", "nested"},
		{"just too deep", `{"Id":` + strings.Repeat(`[`, 8) + `1` + strings.Repeat(`]`, 8) + `}`, "", "nested more than 8 deep"},
		{"as deep as may be", `{"Id":` + strings.Repeat(`[`, 7) + `1` + strings.Repeat(`]`, 7) + `}`, "Id", "not a list"},
		{"a byte too long", `{"Id":"` + strings.Repeat("a", MaxSize-8) + `"}`, "", "at most 6144"},
		{"as long as may be", `{"Id":"` + strings.Repeat("a", MaxSize-9) + `"}`, "Statement", "is missing"},
		{"as long as may be with white space", strings.Repeat(" ", maxRaw-2) + `{}`, "Statement", "is missing"},
		{"a byte too long with white space", strings.Repeat(" ", maxRaw-1) + `{}`, "", "at most 65536"},
		{"too long", `{"Id":"` + strings.Repeat("a", MaxSize) + `"}`, "", "at most 6144"},
		{"far too long", strings.Repeat(" ", maxRaw) + `{}`, "", "at most 65536"},
		{"a member twice", `{"Statement":[],"Statement":[]}`, "", `"Statement" is given twice`},
		{"a member twice, escaped", `{"Id":"a","\u0049d":"b"}`, "", `"Id" is given twice`},
		{"an unknown element", `{"Statements":[]}`, "Statements", "unknown"},
		{"an element in another case", `{"statement":[]}`, "statement", "unknown"},
		{"another version", `{"Version":"2012-10-18","Statement":[]}`, "Version", "2012-10-17"},
		{"a version that is no string", `{"Version":20121017,"Statement":[]}`, "Version", "2012-10-17"},
		{"an Id that is no string", `{"Id":{},"Statement":[]}`, "Id", "must be a string, not an object"},
		{"no statement", `{"Version":"2012-10-17"}`, "Statement", "missing"},
		{"an empty list of statements", `{"Statement":[]}`, "Statement", "at least one"},
		{"a statement that is a string", `{"Statement":["x"]}`, "Statement[0]", "must be an object, not a string"},
		{"a single statement", `{"Statement":{"Effect":"allow"}}`, "Statement.Effect", `"Allow" or "Deny"`},
		{"another effect", in(`{"Effect":"Permit"}`), "Statement[1].Effect", `"Allow" or "Deny"`},
		{"no effect", in(`{"Action":"*","Resource":"*"}`), "Statement[1]", "Effect is missing"},
		{"no action", in(`{"Effect":"Deny","Resource":"*"}`), "Statement[1]", "Action or NotAction is missing"},
		{"no resource", in(`{"Effect":"Deny","Action":"*"}`), "Statement[1]", "Resource or NotResource is missing"},
		{"Action and NotAction", in(`{"Action":"*","NotAction":"*"}`), "Statement[1]", "both Action and NotAction"},
		{"Resource and NotResource", in(`{"NotResource":"*","Resource":"*"}`), "Statement[1]", "both Resource and NotResource"},
		{"an unknown element of a statement", in(`{"Actions":"*"}`), "Statement[1].Actions", "unknown"},
		{"a principal", in(`{"Principal":"*"}`), "Statement[1].Principal", "for callers"},
		{"a Sid with a blank", in(`{"Sid":"a b"}`), "Statement[1].Sid", "letters and digits"},
		{"a Sid used twice", `{"Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}]}`, "Statement[1].Sid", "another statement's"},
		{"an action without a service", in(`{"Action":"GetStage"}`), "Statement[1].Action", `"GetStage" is not an action`},
		{"an action with a variable", in(`{"Action":["ivs:*","ivs:${aws:username}"]}`), "Statement[1].Action[1]", "is not an action"},
		{"an empty list of actions", in(`{"Action":[]}`), "Statement[1].Action", "empty"},
		{"an action that is a number", in(`{"NotAction":[1]}`), "Statement[1].NotAction[0]", "must be a string, not a number"},
		{"a resource that is no ARN", in(`{"Resource":"stage/abc"}`), "Statement[1].Resource", "neither an ARN"},
		{"a resource with an open variable", in(`{"Resource":"arn:aws:ivs:*:*:stage/${aws:username"}`), "Statement[1].Resource", `without its "}"`},
		{"an open variable before a colon", in(`{"Resource":"arn:aws:ivs:${aws:username"}`), "Statement[1].Resource", `without its "}"`},
		{"an empty variable", with(`{"StringEquals":{"aws:username":"${}"}}`), `Statement[1].Condition.StringEquals["aws:username"]`, "not a policy variable"},
		{"a variable within a variable", with(`{"StringEquals":{"aws:username":"${aws:${aws:x}}"}}`), `Statement[1].Condition.StringEquals["aws:username"]`, "not a policy variable"},
		{"a default without quotes", with(`{"StringEquals":{"aws:username":"${aws:userid, x}"}}`), `Statement[1].Condition.StringEquals["aws:username"]`, "single quotes"},
		{"a default with text behind", with(`{"StringEquals":{"aws:username":"${aws:userid, 'x' y}"}}`), `Statement[1].Condition.StringEquals["aws:username"]`, "single quotes"},
		{"a condition that is a list", with(`[]`), "Statement[1].Condition", "must be an object"},
		{"an unknown operator", with(`{"StringMatches":{"aws:username":"a"}}`), "Statement[1].Condition.StringMatches", "unknown"},
		{"an unknown operator without keys", with(`{"stringEquals":{}}`), "Statement[1].Condition.stringEquals", "unknown"},
		{"Null with IfExists", with(`{"NullIfExists":{"aws:username":true}}`), "Statement[1].Condition.NullIfExists", "unknown"},
		{"a set of sets", with(`{"ForAllValues:ForAnyValue:Bool":{"aws:username":true}}`), "Statement[1].Condition.ForAllValues:ForAnyValue:Bool", "unknown"},
		{"an operator that is a list", with(`{"StringLike":["a"]}`), "Statement[1].Condition.StringLike", "must be an object"},
		{"a key without a prefix", with(`{"StringLike":{"username":"a"}}`), "Statement[1].Condition.StringLike", `"username" is not a condition key`},
		{"a key twice", with(`{"StringLike":{"aws:username":"a","AWS:username":"b"}}`), "Statement[1].Condition.StringLike", "given twice"},
		{"an empty list of values", with(`{"StringLike":{"aws:username":[]}}`), `Statement[1].Condition.StringLike["aws:username"]`, "empty"},
		{"a null", with(`{"StringLike":{"aws:username":["a",null]}}`), `Statement[1].Condition.StringLike["aws:username"][1]`, "not null"},
		{"a Null that is neither", with(`{"Null":{"aws:username":"yes"}}`), `Statement[1].Condition.Null["aws:username"]`, "true or false"},
		{"a Null that is both", with(`{"Null":{"aws:username":[true,false]}}`), `Statement[1].Condition.Null["aws:username"]`, "true or false"},
		{"a Bool that is neither", with(`{"Bool":{"aws:SecureTransport":"yes"}}`), `Statement[1].Condition.Bool["aws:SecureTransport"]`, "neither true nor false"},
		{"no number", with(`{"NumericEquals":{"a:b":["1","0x10"]}}`), `Statement[1].Condition.NumericEquals["a:b"][1]`, "not a number"},
		{"a number out of range", with(`{"NumericEquals":{"a:b":1e999}}`), `Statement[1].Condition.NumericEquals["a:b"]`, "not a number"},
		{"a variable for a number", with(`{"NumericEquals":{"a:b":"${aws:x}"}}`), `Statement[1].Condition.NumericEquals["a:b"]`, "not a number"},
		{"no date", with(`{"DateEquals":{"a:b":"01.09.2026"}}`), `Statement[1].Condition.DateEquals["a:b"]`, "not a date"},
		{"a date beyond all time", with(`{"DateEquals":{"a:b":9223372036854775807}}`), `Statement[1].Condition.DateEquals["a:b"]`, "not a date"},
		{"no address", with(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}`), `Statement[1].Condition.IpAddress["aws:SourceIp"]`, "not an IP address"},
		{"no ARN", with(`{"ArnLike":{"aws:SourceArn":"arn:aws:ivs"}}`), `Statement[1].Condition.ArnLike["aws:SourceArn"]`, "not an ARN"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.document))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Place != c.place || !strings.Contains(e.Problem, c.problem) || !strings.HasPrefix(e.Error(), e.Place) {
				t.Errorf("got %q at %q, want %q at %q", e.Problem, e.Place, c.problem, c.place)
			}
		})
	}
}

func TestParse_CountsNoWhiteSpace(t *testing.T) {
	document := strings.Replace(typical, "{", "{"+strings.Repeat("\n", 2*MaxSize), 1)
	if _, err := Parse([]byte(document)); err != nil {
		t.Error(err)
	}
}
