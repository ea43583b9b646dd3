package policy

import (
	"strings"
	"testing"
)

const stage = "arn:aws:ivs:us-east-1:123456789012:stage/abcdefghijkl"

func parse(t testing.TB, document string) *Policy {
	t.Helper()
	p, err := Parse([]byte(document))
	if err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return p
}

// circumstances reads "key=value" pairs; a key given twice has two values.
func circumstances(pairs ...string) *Context {
	c := new(Context)
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		c.Add(key, value)
	}
	return c
}

func statementOf(effect, rest string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"` + effect + `",` + rest + `}}`
}

func TestEvaluate_DecidesByActionAndResource(t *testing.T) {
	cases := []struct {
		name     string
		rest     string
		action   string
		resource string
		applies  bool
	}{
		{"everything", `"Action":"*","Resource":"*"`, "ivs:GetStage", stage, true},
		{"a service's actions", `"Action":"ivs:*","Resource":"*"`, "ivs:GetStage", stage, true},
		{"another service's actions", `"Action":"s3:*","Resource":"*"`, "ivs:GetStage", stage, false},
		{"actions in any case", `"Action":"IVS:getSTAGE","Resource":"*"`, "ivs:GetStage", stage, true},
		{"the start of an action only", `"Action":"ivs:GetStage","Resource":"*"`, "ivs:GetStageSession", stage, false},
		{"an action by its start", `"Action":"ivs:Get*","Resource":"*"`, "ivs:GetStageSession", stage, true},
		{"an action with one character open", `"Action":"ivs:?etStage","Resource":"*"`, "ivs:GetStage", stage, true},
		{"one of several actions", `"Action":["ivs:ListStages","ivs:GetStage"],"Resource":"*"`, "ivs:GetStage", stage, true},
		{"none of several actions", `"Action":["ivs:ListStages","ivs:GetStage"],"Resource":"*"`, "ivs:DeleteStage", stage, false},
		{"NotAction leaves the named out", `"NotAction":"ivs:Delete*","Resource":"*"`, "ivs:DeleteStage", stage, false},
		{"NotAction means all others", `"NotAction":"ivs:Delete*","Resource":"*"`, "s3:GetObject", stage, true},

		{"one resource", `"Action":"*","Resource":"` + stage + `"`, "ivs:GetStage", stage, true},
		{"another resource", `"Action":"*","Resource":"` + stage + `"`, "ivs:GetStage", stage + "m", false},
		{"a resource in another case", `"Action":"*","Resource":"arn:aws:ivs:us-east-1:123456789012:STAGE/abcdefghijkl"`, "ivs:GetStage", stage, false},
		{"a type of resource", `"Action":"*","Resource":"arn:aws:ivs:*:*:stage/*"`, "ivs:GetStage", stage, true},
		{"another type", `"Action":"*","Resource":"arn:aws:ivs:*:*:channel/*"`, "ivs:GetStage", stage, false},
		{"a region", `"Action":"*","Resource":"arn:aws:ivs:us-*-1:*:*"`, "ivs:GetStage", stage, true},
		{"a star that ends a segment goes over colons", `"Action":"*","Resource":"arn:aws:ivs:*:stage/*"`, "ivs:GetStage", stage, true},
		{"the last segment reaches to the end", `"Action":"*","Resource":"arn:aws:ivs:*"`, "ivs:GetStage", stage, true},
		{"single characters", `"Action":"*","Resource":"arn:aws:ivs:us-east-1:123456789012:stage/abcdefghijk?"`, "ivs:GetStage", stage, true},
		{"a pattern for no resource in particular", `"Action":"*","Resource":"arn:aws:ivs:*:*:stage/*"`, "ivs:ListPublicKeys", "*", false},
		{"all resources include none in particular", `"Action":"*","Resource":"*"`, "ivs:ListPublicKeys", "*", true},
		{"NotResource leaves the named out", `"Action":"*","NotResource":"arn:aws:ivs:*:*:stage/*"`, "ivs:GetStage", stage, false},
		{"NotResource means all others", `"Action":"*","NotResource":["arn:aws:ivs:*:*:channel/*","arn:aws:ivs:*:*:composition/*"]`, "ivs:GetStage", stage, true},
		{"NotResource of everything is nothing", `"Action":"*","NotResource":"*"`, "ivs:GetStage", stage, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Action: c.action, Resource: c.resource}
			if got := Evaluate(r, parse(t, statementOf("Allow", c.rest))).Allowed(); got != c.applies {
				t.Errorf("Allow applies: got %v, want %v", got, c.applies)
			}
			if got := Evaluate(r, parse(t, statementOf("Deny", c.rest))).Outcome == ExplicitDeny; got != c.applies {
				t.Errorf("Deny applies: got %v, want %v", got, c.applies)
			}
		})
	}
}

func TestEvaluate_DenyWinsAndSilenceDenies(t *testing.T) {
	allow := parse(t, `{"Statement":[{"Sid":"Nothing","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}]}`)
	deny := parse(t, `{"Id":"guard","Statement":[{"Effect":"Allow","Action":"ivs:*","Resource":"*"},{"Effect":"Deny","Action":"ivs:Delete*","Resource":"*"}]}`)
	if deny.ID() != "guard" {
		t.Errorf("ID: got %q, want guard", deny.ID())
	}
	cases := []struct {
		name     string
		action   string
		policies []*Policy
		want     Decision
		says     string
	}{
		{"no policies", "ivs:GetStage", nil, Decision{}, "implicit deny"},
		{"a silent policy", "s3:GetObject", []*Policy{deny}, Decision{}, "implicit deny"},
		{"an Allow", "ivs:GetStage", []*Policy{allow}, Decision{Allowed, allow, 1, "All"}, `allowed by Statement[1] "All"`},
		{"the first Allow is named", "ivs:GetStage", []*Policy{deny, allow}, Decision{Allowed, deny, 0, ""}, "allowed by Statement[0]"},
		{"a Deny behind an Allow", "ivs:DeleteStage", []*Policy{allow, deny}, Decision{ExplicitDeny, deny, 1, ""}, "explicit deny by Statement[1]"},
		{"a Deny before an Allow", "ivs:DeleteStage", []*Policy{deny, allow}, Decision{ExplicitDeny, deny, 1, ""}, "explicit deny by Statement[1]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Evaluate(Request{Action: c.action, Resource: stage}, c.policies...)
			if got != c.want || got.String() != c.says {
				t.Errorf("got %+v %q, want %+v %q", got, got, c.want, c.says)
			}
		})
	}
}

func TestEvaluate_ResolvesVariables(t *testing.T) {
	const version = `{"Version":"2012-10-17","Statement":`
	cases := []struct {
		name    string
		rest    string
		context *Context
		allow   bool // an Allow of rest applies
		deny    bool // a Deny of rest applies
	}{
		{"in a resource", `"Resource":"arn:aws:ivs:*:*:stage/${aws:username}"`, circumstances("aws:username=abcdefghijkl"), true, true},
		{"in a resource, another's", `"Resource":"arn:aws:ivs:*:*:stage/${aws:username}"`, circumstances("aws:username=mallory"), false, false},
		{"whose key is in another case", `"Resource":"arn:aws:ivs:*:*:stage/${AWS:UserName}"`, circumstances("aws:username=abcdefghijkl"), true, true},
		{"between text and wildcards", `"Resource":"arn:aws:ivs:*:*:stage/a${aws:userid}k*"`, circumstances("aws:userid=bcdefghij"), true, true},
		{"in another part of the ARN", `"Resource":"arn:aws:ivs:${aws:PrincipalTag/home}:*:stage/*"`, circumstances("aws:PrincipalTag/home=us-east-1"), true, true},
		{"with a tag key that has blanks", `"Resource":"arn:aws:ivs:${aws:PrincipalTag/my home}:*:stage/*"`, circumstances("aws:PrincipalTag/my home=us-east-1"), true, true},
		{"a value's star is a star", `"Resource":"arn:aws:ivs:*:*:stage/${aws:username}"`, circumstances("aws:username=*"), false, false},
		{"a value's wildcard bytes are none", `"Resource":"arn:aws:ivs:*:*:stage/${aws:username}"`, circumstances("aws:username=" + star), false, false},
		{"a value's colon shifts nothing", `"Resource":"arn:aws:ivs:${aws:username}:stage/*"`, circumstances("aws:username=us-east-1:123456789012"), false, false},
		{"without a value", `"Resource":"arn:aws:ivs:*:*:stage/${aws:username}"`, nil, false, false},
		{"without a value, beside a pattern that matches", `"Resource":["arn:aws:ivs:*:*:stage/${aws:username}","*"]`, nil, true, true},
		{"without a value in NotResource", `"NotResource":"arn:aws:ivs:*:*:stage/${aws:username}"`, nil, false, true},
		{"with several values", `"Resource":"arn:aws:ivs:*:*:stage/${aws:TagKeys}"`, circumstances("aws:TagKeys=abcdefghijkl", "aws:TagKeys=b"), false, false},
		{"by their default", `"Resource":"arn:aws:ivs:*:*:stage/${aws:username, 'abcdefghijkl'}"`, nil, true, true},
		{"not by their default, given a value", `"Resource":"arn:aws:ivs:*:*:stage/${aws:username, 'abcdefghijkl'}"`, circumstances("aws:username=b"), false, false},
		{"by an empty default", `"Resource":"arn:aws:ivs:*:*:stage/abcdefghijkl${aws:username, ''}"`, nil, true, true},
		{"with a brace in the default", `"Resource":"*","Condition":{"StringEquals":{"aws:userid":"${aws:username,'a}b'}"}}`, circumstances("aws:userid=a}b"), true, true},

		{"in a condition", `"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, circumstances("aws:ResourceTag/team=red", "aws:PrincipalTag/team=red"), true, true},
		{"in a condition, another's", `"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, circumstances("aws:ResourceTag/team=red", "aws:PrincipalTag/team=blue"), false, false},
		{"in a condition, without a value", `"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, circumstances("aws:ResourceTag/team=red"), false, false},
		{"in a negated condition, without a value", `"Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, circumstances("aws:ResourceTag/team=red"), false, true},
		{"in a negated condition that fails anyway", `"Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/team":["${aws:PrincipalTag/team}","red"]}}`, circumstances("aws:ResourceTag/team=red"), false, false},
		{"under IfExists, without a value or key", `"Resource":"*","Condition":{"StringEqualsIfExists":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, nil, true, true},
		{"in StringLike, with a value's star", `"Resource":"*","Condition":{"StringLike":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, circumstances("aws:ResourceTag/team=red", "aws:PrincipalTag/team=*"), false, false},
		{"for a whole ARN", `"Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"${aws:PrincipalArn}"}}`, circumstances("aws:SourceArn="+stage, "aws:PrincipalArn="+stage), true, true},
		{"in Bool", `"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"${aws:PrincipalTag/tls}"}}`, circumstances("aws:SecureTransport=true", "aws:PrincipalTag/tls=true"), true, true},

		{"for a star", `"Resource":"*","Condition":{"StringLike":{"aws:username":"a${*}b"}}`, circumstances("aws:username=a*b"), true, true},
		{"for a star and nothing else", `"Resource":"*","Condition":{"StringLike":{"aws:username":"a${*}b"}}`, circumstances("aws:username=axb"), false, false},
		{"for a question mark", `"Resource":"*","Condition":{"StringLike":{"aws:username":"${?}"}}`, circumstances("aws:username=a"), false, false},
		{"for a dollar sign", `"Resource":"*","Condition":{"StringEquals":{"aws:username":"${$}{aws:userid}"}}`, circumstances("aws:username=${aws:userid}"), true, true},
		{"a lone dollar sign is text", `"Resource":"*","Condition":{"StringEquals":{"aws:username":"a$b"}}`, circumstances("aws:username=a$b"), true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Action: "ivs:GetStage", Resource: stage, Context: c.context}
			for effect, want := range map[string]bool{"Allow": c.allow, "Deny": c.deny} {
				p := parse(t, version+`{"Effect":"`+effect+`","Action":"*",`+c.rest+`}}`)
				if got := Evaluate(r, p).Outcome != ImplicitDeny; got != want {
					t.Errorf("%s applies: got %v, want %v", effect, got, want)
				}
			}
		})
	}
}

func TestEvaluate_KnowsNoVariablesInOldDocuments(t *testing.T) {
	for _, version := range []string{"", `"Version":"2008-10-17",`} {
		p := parse(t, `{`+version+`"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:userid":"${aws:username}"}}}}`)
		r := Request{Action: "ivs:GetStage", Resource: stage, Context: circumstances("aws:username=a", "aws:userid=a")}
		if Evaluate(r, p).Allowed() {
			t.Error("the variable was resolved")
		}
		r.Context = circumstances("aws:userid=${aws:username}")
		if !Evaluate(r, p).Allowed() {
			t.Error("the text of the variable was not taken as it stands")
		}
	}
}

func TestManaged_ReadOnlyLooksAndDoesNotTouch(t *testing.T) {
	if _, ok := Managed("IVSNoAccess"); ok {
		t.Error("a policy that isn't there was found")
	}
	builtIn := func(name string) *Policy {
		document, ok := Managed(name)
		if !ok {
			t.Fatalf("%s: not found", name)
		}
		return parse(t, string(document))
	}
	full, readOnly := builtIn("IVSFullAccess"), builtIn("IVSReadOnlyAccess")
	for action, want := range map[string]bool{
		"ivs:GetStage": true, "ivs:ListStages": true, "ivs:ListTagsForResource": true, "ivs:BatchGetChannel": true, "ivs:GetIngestConfiguration": true,
		"ivs:GetStreamKey": false, "ivs:BatchGetStreamKey": false,
		"ivs:CreateStage": false, "ivs:DeleteStage": false, "ivs:CreateParticipantToken": false, "ivs:TagResource": false,
	} {
		r := Request{Action: action, Resource: stage}
		if !Evaluate(r, full).Allowed() {
			t.Errorf("IVSFullAccess: %s is not allowed", action)
		}
		if got := Evaluate(r, readOnly).Allowed(); got != want {
			t.Errorf("IVSReadOnlyAccess: %s allowed: got %v, want %v", action, got, want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(typical), "ivs:GetStage", stage, "aws:username", "alice")
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":["*:*"],"NotResource":["${aws:username, 'a'}"],"Condition":{"Null":{"a:b":true}}}]}`), "", "*", "a:b", "")
	f.Add([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:*?*?*","Condition":{"ForAnyValue:ArnNotLikeIfExists":{"a:b":["*","a:b:c:d:e:f?"]}}}}`), "a:b", "a:b:c:d:e:f:g", "a:b", "a:b:c:d:e:fg")
	f.Add([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"a:b":"::/0"},"NumericEquals":{"a:b":[1e3,-0.5]},"DateLessThan":{"a:b":"2026-09-01"}}}}`), "a:b", "*", "a:b", "1000")
	f.Fuzz(func(t *testing.T, document []byte, action, resource, key, value string) {
		p, err := Parse(document)
		if (p == nil) == (err == nil) {
			t.Fatalf("got policy %v and error %v", p, err)
		}
		if p == nil {
			return
		}
		c := new(Context)
		c.Add(key, value)
		d := Evaluate(Request{Action: action, Resource: resource, Context: c}, p)
		if (d.Policy == nil) != (d.Outcome == ImplicitDeny) {
			t.Errorf("got %+v", d)
		}
	})
}

// typical is what a careful operator writes for a team's backend.
const typical = `{
	"Version": "2012-10-17",
	"Statement": [
		{"Sid": "Look", "Effect": "Allow", "Action": ["ivs:Get*", "ivs:List*"], "Resource": "*"},
		{"Sid": "OwnTeam", "Effect": "Allow", "Action": ["ivs:CreateParticipantToken", "ivs:DisconnectParticipant", "ivs:UpdateStage"],
			"Resource": "arn:aws:ivs:*:123456789012:stage/*",
			"Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}},
		{"Sid": "TagsOfOurs", "Effect": "Allow", "Action": ["ivs:CreateStage", "ivs:TagResource"], "Resource": "*",
			"Condition": {"ForAllValues:StringLike": {"aws:TagKeys": ["team", "env", "x-*"]}, "Null": {"aws:RequestTag/team": "false"}}},
		{"Sid": "NeverFromOutside", "Effect": "Deny", "Action": "ivs:Delete*", "Resource": "*",
			"Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}}
	]
}`

func BenchmarkEvaluate(b *testing.B) {
	p := parse(b, typical)
	r := Request{Action: "ivs:CreateParticipantToken", Resource: stage, Context: circumstances(
		"aws:username=backend", "aws:SourceIp=10.1.2.3", "aws:PrincipalTag/team=red", "aws:ResourceTag/team=red")}
	b.ReportAllocs()
	for b.Loop() {
		if !Evaluate(r, p).Allowed() {
			b.Fatal("not allowed")
		}
	}
}
