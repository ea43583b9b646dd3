package policy

import "testing"

// The tables of this file are what the IAM User Guide says where evaluators
// differ: "Policy elements: Resource", "Condition operators", "Policy variables".

func TestEvaluate_MatchesResourcesAsTheGuideSays(t *testing.T) {
	const regional = "arn:aws:ivs:us-east-1:123456789012:"
	cases := []struct {
		name              string
		pattern, resource string
		want              bool
	}{
		{"region and account under one star", "arn:aws:ivs:*:stage/*", stage, true},
		{"region and account under one star, another type", "arn:aws:ivs:*:channel/*", stage, false},
		{"region and account under one star, one resource", "arn:aws:ivs:*:stage/abcdefghijkl", stage, true},
		{"a star with text before it goes over colons", "arn:aws:ivs:us-*:stage/*", stage, true},
		{"a star with other text before it", "arn:aws:ivs:eu-*:stage/*", stage, false},
		{"two stars that go over colons", "arn:*:*:stage/*", stage, true},
		{"a star may go over no colon", "arn:aws:ivs:*:*:stage/*", stage, true},
		{"a star needs the colon behind it", "arn:aws:ivs:us-east-1:123456789012:stage/*:*", stage, false},
		{"the earliest place isn't the only one", "arn:*:us-east-?:*:stage/*", "arn:aws:us-east-x:us-east-1:123456789012:stage/a", true},
		{"a star within a segment stays there", "arn:aws:ivs:us*1:stage/*", stage, false},
		{"a star within a segment stays there, at its end too", "arn:aws:ivs:u*2:stage/*", stage, false},
		{"a question mark stays in its segment", "arn:aws:ivs:us-east-1?123456789012:stage/*", stage, false},
		{"a region", "arn:aws:ivs:us-east-1:*", stage, true},
		{"another region", "arn:aws:ivs:us-east-2:*", stage, false},
		{"a question mark in the type", regional + "?tage/*", stage, true},
		{"all types of one id", regional + "*/abcdefghijkl", stage, true},
		{"all types of another id", regional + "*/abc", stage, false},
		{"all of an account", regional + "*", stage, true},
		{"the sixth segment may hold colons", "arn:aws:ivs:*:*:a*z", regional + "a:b:z", true},
		{"a service alone", "arn:aws:ivs", stage, true},
		{"a service alone, another", "arn:aws:iv", stage, false},
		{"service and region", "arn:aws:ivs:us-east-1", stage, true},
		{"service, region and account", "arn:aws:ivs:us-east-1:123456789012", stage, true},
		{"service, region and another account", "arn:aws:ivs:us-east-1:12345678901", stage, false},
		{"no service", "arn:aws", stage, false},
		{"an ARN with too little", "arn:aws:ivs:us-east-1:123456789012:stage/*", "arn:aws:ivs", false},
		{"nothing behind the service", "arn:aws:ivs:*", "arn:aws:ivs", false},
		{"a colon in the sixth segment", "arn:aws:ivs:*:*:a*z:y", regional + "a:b:z:y", true},
		{"an empty segment", "arn:aws:iam::*:role/x", "arn:aws:iam::123456789012:role/x", true},
		{"an empty segment is one", "arn:aws:iam::1*2:role/x", "arn:aws:iam::1:2:role/x", false},
		{"six segments are not incomplete", "arn:aws:ivs:*:*:stage/x", regional + "stage/x:y", false},
		{"a star takes a segment at least", "arn:aws:*:ivs:us-east-1:123456789012:stage/*", stage, false},
		{"the case of letters", "arn:aws:ivs:*:*:Stage/*", stage, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Action: "ivs:GetStage", Resource: c.resource}
			for effect, outcome := range map[string]Outcome{"Allow": Allowed, "Deny": ExplicitDeny} {
				p := parse(t, statementOf(effect, `"Action":"*","Resource":"`+c.pattern+`"`))
				if got := Evaluate(r, p).Outcome == outcome; got != c.want {
					t.Errorf("%s of Resource %s: got %v, want %v", effect, c.pattern, got, c.want)
				}
				p = parse(t, statementOf(effect, `"Action":"*","NotResource":"`+c.pattern+`"`))
				if got := Evaluate(r, p).Outcome == outcome; got == c.want {
					t.Errorf("%s of NotResource %s: got %v, want %v", effect, c.pattern, got, !c.want)
				}
			}
		})
	}
}

func TestEvaluate_DeniesByTheTypeInAnyRegionAndAccount(t *testing.T) {
	p := parse(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"arn:aws:ivs:*:stage/*"}]}`)
	if d := Evaluate(Request{Action: "ivs:DeleteStage", Resource: stage}, p); d.Outcome != ExplicitDeny || d.Statement != 1 {
		t.Errorf("got %v, want explicit deny by Statement[1]", d)
	}
}

func TestEvaluate_ComparesConditionsAsTheGuideSays(t *testing.T) {
	cases := []struct {
		name      string
		condition string
		context   *Context
		want      bool
	}{
		{"ArnLike: a star stays in its segment", `{"ArnLike":{"aws:SourceArn":"arn:aws:ivs:*:stage/*:*"}}`, circumstances("aws:SourceArn=" + stage), false},
		{"ArnEquals: a star stays in its segment", `{"ArnEquals":{"aws:SourceArn":"arn:aws:ivs:*:*:stage/*"}}`, circumstances("aws:SourceArn=arn:aws:ivs:a:b:c:stage/x"), false},
		{"ArnLike: in the sixth a star goes over colons", `{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:a*z"}}`, circumstances("aws:SourceArn=arn:aws:sns:us-east-1:1:a:b:z"), true},
		{"ArnLike: each of six segments", `{"ArnLike":{"aws:SourceArn":"arn:aws:ivs:*:*:*"}}`, circumstances("aws:SourceArn=arn:aws:ivs:us-east-1:1"), false},
		{"ArnLike: a colon in the sixth segment", `{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:a*z:y"}}`, circumstances("aws:SourceArn=arn:aws:sns:us-east-1:1:a:b:z:y"), true},
		{"ForAllValues: an empty set", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`, new(Context), true},
		{"ForAllValues: a missing key", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`, nil, true},
		{"ForAllValues: an empty value", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`, circumstances("aws:TagKeys="), true},
		{"ForAllValues: an empty value beside another", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`, circumstances("aws:TagKeys=", "aws:TagKeys=a"), false},
		{"StringNotEquals: a missing key", `{"StringNotEquals":{"aws:username":"a"}}`, nil, true},
		{"StringNotEqualsIgnoreCase: a missing key", `{"StringNotEqualsIgnoreCase":{"aws:username":"a"}}`, nil, true},
		{"StringNotLike: a missing key", `{"StringNotLike":{"aws:username":"*"}}`, nil, true},
		{"NumericNotEquals: a missing key", `{"NumericNotEquals":{"s3:max-keys":1}}`, nil, true},
		{"DateNotEquals: a missing key", `{"DateNotEquals":{"aws:CurrentTime":1}}`, nil, true},
		{"NotIpAddress: a missing key", `{"NotIpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, nil, true},
		{"ArnNotEquals: a missing key", `{"ArnNotEquals":{"aws:SourceArn":"*"}}`, nil, true},
		{"ArnNotLike: a missing key", `{"ArnNotLike":{"aws:SourceArn":"*"}}`, nil, true},
		{"a dollar sign", `{"StringEquals":{"aws:username":"a${$}b"}}`, circumstances("aws:username=a$b"), true},
		{"a star", `{"StringLike":{"aws:username":"a${*}b"}}`, circumstances("aws:username=a*b"), true},
		{"a star and nothing else", `{"StringLike":{"aws:username":"a${*}b"}}`, circumstances("aws:username=axb"), false},
		{"a question mark", `{"StringLike":{"aws:username":"a${?}b"}}`, circumstances("aws:username=a?b"), true},
		{"a question mark and nothing else", `{"StringLike":{"aws:username":"a${?}b"}}`, circumstances("aws:username=axb"), false},
		{"a default for a missing tag", `{"StringEquals":{"aws:username":"${aws:PrincipalTag/team, 'none'}"}}`, circumstances("aws:username=none"), true},
		{"DateEquals: seconds since 1970", `{"DateEquals":{"aws:CurrentTime":1788264000}}`, circumstances("aws:CurrentTime=2026-09-01T12:00:00Z"), true},
		{"DateGreaterThan: seconds since 1970, as text", `{"DateGreaterThan":{"aws:CurrentTime":"1788263999"}}`, circumstances("aws:CurrentTime=2026-09-01T12:00:00Z"), true},
		{"DateGreaterThan: seconds since 1970, the same", `{"DateGreaterThan":{"aws:CurrentTime":"1788264000"}}`, circumstances("aws:CurrentTime=2026-09-01T12:00:00Z"), false},
		{"Bool: True", `{"Bool":{"aws:SecureTransport":"True"}}`, circumstances("aws:SecureTransport=true"), true},
		{"Bool: TRUE", `{"Bool":{"aws:SecureTransport":"TRUE"}}`, circumstances("aws:SecureTransport=true"), true},
		{"Bool: FALSE", `{"Bool":{"aws:SecureTransport":"FALSE"}}`, circumstances("aws:SecureTransport=true"), false},
		{"NumericEquals: 10 on 10.0", `{"NumericEquals":{"s3:max-keys":"10"}}`, circumstances("s3:max-keys=10.0"), true},
		{"NumericEquals: 10.0 on 10", `{"NumericEquals":{"s3:max-keys":"10.0"}}`, circumstances("s3:max-keys=10"), true},
		{"IpAddress: all of version 4", `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, circumstances("aws:SourceIp=10.0.0.1"), true},
		{"IpAddress: all of version 4 is none of version 6", `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, circumstances("aws:SourceIp=2001:db8::1"), false},
		{"IpAddress: all of version 6 is none of version 4", `{"IpAddress":{"aws:SourceIp":"::/0"}}`, circumstances("aws:SourceIp=10.0.0.1"), false},
		{"BinaryEquals: the same", `{"BinaryEquals":{"kms:ciphertext":"QmluYXJ5"}}`, circumstances("kms:ciphertext=QmluYXJ5"), true},
		{"BinaryEquals: other bytes", `{"BinaryEquals":{"kms:ciphertext":"QmluYXJ5"}}`, circumstances("kms:ciphertext=QmluYXJ6"), false},
		{"BinaryEquals: no base64", `{"BinaryEquals":{"kms:ciphertext":""}}`, circumstances("kms:ciphertext=!"), false},
		{"BinaryEquals: a missing key", `{"BinaryEquals":{"kms:ciphertext":"QmluYXJ5"}}`, nil, false},
		{"a key in another case", `{"StringEquals":{"AWS:resourcetag/TEAM":"red"}}`, circumstances("aws:ResourceTag/team=red"), true},
		{"aws:TagKeys in another case", `{"ForAllValues:StringEquals":{"aws:tagkeys":["Team"]}}`, circumstances("aws:TagKeys=Team"), true},
		{"values of aws:TagKeys in another case", `{"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}}`, circumstances("aws:TagKeys=team"), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := parse(t, statementOf("Deny", `"Action":"IVS:GETstage","Resource":"*","Condition":`+c.condition))
			got := Evaluate(Request{Action: "ivs:GetStage", Resource: stage, Context: c.context}, p).Outcome == ExplicitDeny
			if got != c.want {
				t.Errorf("%s holds: got %v, want %v", c.condition, got, c.want)
			}
		})
	}
}

func TestEvaluate_TakesVariablesOfOldDocumentsAsText(t *testing.T) {
	const literal = "arn:aws:ivs:us-east-1:123456789012:stage/${aws:username}"
	for _, version := range []string{"", `"Version":"2008-10-17",`} {
		p := parse(t, `{`+version+`"Statement":{"Effect":"Allow","Action":"*","Resource":"`+literal+`"}}`)
		r := Request{Action: "ivs:GetStage", Resource: stage, Context: circumstances("aws:username=abcdefghijkl")}
		if Evaluate(r, p).Allowed() {
			t.Error("the variable was resolved")
		}
		r.Resource = literal
		if !Evaluate(r, p).Allowed() {
			t.Error("the text of the variable was not taken as it stands")
		}
	}
}

func TestEvaluate_ValuesOfVariablesNeverGoOverColons(t *testing.T) {
	cases := []struct {
		name, pattern, value string
	}{
		{"an empty value behind a star", "arn:aws:ivs:*${aws:username}:stage/*", ""},
		{"a star", "arn:aws:ivs:${aws:username}:stage/*", "*"},
		{"segments", "arn:aws:ivs:${aws:username}:stage/*", "us-east-1:123456789012"},
		{"the beginning of an ARN", "${aws:username}", "arn:aws:ivs"},
		{"the beginning of all ARNs", "${aws:username}", "arn"},
	}
	for _, c := range cases {
		p := parse(t, statementOf("Allow", `"Action":"*","Resource":"`+c.pattern+`"`))
		if Evaluate(Request{Action: "ivs:GetStage", Resource: stage, Context: circumstances("aws:username=" + c.value)}, p).Allowed() {
			t.Errorf("%s: %s with %q matches %s", c.name, c.pattern, c.value, stage)
		}
	}
}
