package policy

import (
	"testing"
)

func TestEvaluate_HoldsConditions(t *testing.T) {
	tag := func(values ...string) *Context {
		c := new(Context)
		c.Add("aws:TagKeys", values...)
		return c
	}
	cases := []struct {
		name      string
		condition string
		context   *Context
		want      bool
	}{
		{"no conditions", `{}`, nil, true},
		{"an operator without keys", `{"StringEquals":{}}`, nil, true},

		{"StringEquals: equal", `{"StringEquals":{"aws:username":"john"}}`, circumstances("aws:username=john"), true},
		{"StringEquals: another case", `{"StringEquals":{"aws:username":"john"}}`, circumstances("aws:username=John"), false},
		{"StringEquals: one of several", `{"StringEquals":{"aws:username":["ann","john"]}}`, circumstances("aws:username=john"), true},
		{"StringEquals: a star is a star", `{"StringEquals":{"aws:username":"*"}}`, circumstances("aws:username=john"), false},
		{"StringEquals: missing key", `{"StringEquals":{"aws:username":"john"}}`, nil, false},
		{"StringEquals: a key in another case", `{"StringEquals":{"AWS:UserName":"john"}}`, circumstances("aws:username=john"), true},
		{"StringEquals: numbers and booleans of the document are text", `{"StringEquals":{"aws:username":[5,true]}}`, circumstances("aws:username=5"), true},
		{"StringNotEquals: equal", `{"StringNotEquals":{"aws:username":"john"}}`, circumstances("aws:username=john"), false},
		{"StringNotEquals: none of several", `{"StringNotEquals":{"aws:username":["ann","john"]}}`, circumstances("aws:username=eve"), true},
		{"StringNotEquals: one of several", `{"StringNotEquals":{"aws:username":["ann","john"]}}`, circumstances("aws:username=ann"), false},
		{"StringNotEquals: missing key", `{"StringNotEquals":{"aws:username":"john"}}`, nil, true},
		{"StringEqualsIgnoreCase", `{"StringEqualsIgnoreCase":{"aws:username":"john"}}`, circumstances("aws:username=JOHN"), true},
		{"StringNotEqualsIgnoreCase", `{"StringNotEqualsIgnoreCase":{"aws:username":"john"}}`, circumstances("aws:username=JOHN"), false},
		{"StringLike: matches", `{"StringLike":{"aws:username":"j?h*"}}`, circumstances("aws:username=john"), true},
		{"StringLike: another case", `{"StringLike":{"aws:username":"J*"}}`, circumstances("aws:username=john"), false},
		{"StringLike: crosses slashes and colons", `{"StringLike":{"aws:username":"a*c"}}`, circumstances("aws:username=a/b:c"), true},
		{"StringNotLike: matches", `{"StringNotLike":{"aws:username":"j*"}}`, circumstances("aws:username=john"), false},
		{"StringNotLike: missing key", `{"StringNotLike":{"aws:username":"j*"}}`, nil, true},

		{"all keys of an operator", `{"StringEquals":{"aws:username":"a","aws:userid":"b"}}`, circumstances("aws:username=a", "aws:userid=c"), false},
		{"all operators", `{"StringEquals":{"aws:username":"a"},"StringLike":{"aws:userid":"b*"}}`, circumstances("aws:username=a", "aws:userid=bc"), true},
		{"all operators, one fails", `{"StringEquals":{"aws:username":"a"},"StringLike":{"aws:userid":"b*"}}`, circumstances("aws:username=a", "aws:userid=c"), false},

		{"NumericEquals: as numbers", `{"NumericEquals":{"s3:max-keys":"10"}}`, circumstances("s3:max-keys=10.0"), true},
		{"NumericEquals: an unquoted number", `{"NumericEquals":{"s3:max-keys":10}}`, circumstances("s3:max-keys=10"), true},
		{"NumericEquals: no number", `{"NumericEquals":{"s3:max-keys":10}}`, circumstances("s3:max-keys=ten"), false},
		{"NumericNotEquals", `{"NumericNotEquals":{"s3:max-keys":10}}`, circumstances("s3:max-keys=10"), false},
		{"NumericNotEquals: missing key", `{"NumericNotEquals":{"s3:max-keys":10}}`, nil, true},
		{"NumericLessThan: less", `{"NumericLessThan":{"s3:max-keys":10}}`, circumstances("s3:max-keys=9.5"), true},
		{"NumericLessThan: equal", `{"NumericLessThan":{"s3:max-keys":10}}`, circumstances("s3:max-keys=10"), false},
		{"NumericLessThanEquals: equal", `{"NumericLessThanEquals":{"s3:max-keys":10}}`, circumstances("s3:max-keys=10"), true},
		{"NumericGreaterThan: greater", `{"NumericGreaterThan":{"s3:max-keys":-3}}`, circumstances("s3:max-keys=-2"), true},
		{"NumericGreaterThan: equal", `{"NumericGreaterThan":{"s3:max-keys":10}}`, circumstances("s3:max-keys=10"), false},
		{"NumericLessThanEquals: greater", `{"NumericLessThanEquals":{"s3:max-keys":10}}`, circumstances("s3:max-keys=10.5"), false},
		{"NumericGreaterThanEquals: equal", `{"NumericGreaterThanEquals":{"s3:max-keys":10}}`, circumstances("s3:max-keys=10"), true},
		{"NumericGreaterThanEquals: less", `{"NumericGreaterThanEquals":{"s3:max-keys":10}}`, circumstances("s3:max-keys=9"), false},
		{"NumericLessThan: not a number is not less", `{"NumericLessThan":{"s3:max-keys":10}}`, circumstances("s3:max-keys=-Inf"), false},

		{"Bool: true", `{"Bool":{"aws:SecureTransport":"true"}}`, circumstances("aws:SecureTransport=true"), true},
		{"Bool: an unquoted false", `{"Bool":{"aws:SecureTransport":false}}`, circumstances("aws:SecureTransport=true"), false},
		{"Bool: in any case", `{"Bool":{"aws:SecureTransport":"True"}}`, circumstances("aws:SecureTransport=TRUE"), true},
		{"Bool: missing key", `{"Bool":{"aws:SecureTransport":"false"}}`, nil, false},

		{"Null true: missing", `{"Null":{"aws:TokenIssueTime":"true"}}`, nil, true},
		{"Null true: present", `{"Null":{"aws:TokenIssueTime":true}}`, circumstances("aws:TokenIssueTime=x"), false},
		{"Null false: missing", `{"Null":{"aws:TokenIssueTime":"false"}}`, nil, false},
		{"Null false: present", `{"Null":{"aws:TokenIssueTime":false}}`, circumstances("aws:TokenIssueTime=x"), true},
		{"Null: a key without values is missing", `{"Null":{"aws:TagKeys":"true"}}`, tag(), true},

		{"DateEquals: other zone", `{"DateEquals":{"aws:CurrentTime":"2026-09-01T12:00:00Z"}}`, circumstances("aws:CurrentTime=2026-09-01T14:00:00+02:00"), true},
		{"DateEquals: seconds since 1970", `{"DateEquals":{"aws:EpochTime":1788264000}}`, circumstances("aws:EpochTime=2026-09-01T12:00:00Z"), true},
		{"DateNotEquals", `{"DateNotEquals":{"aws:CurrentTime":"2026-09-01"}}`, circumstances("aws:CurrentTime=2026-09-01T00:00Z"), false},
		{"DateLessThan", `{"DateLessThan":{"aws:CurrentTime":"2026-09-01T12:00:00Z"}}`, circumstances("aws:CurrentTime=2026-09-01T11:59:59.999Z"), true},
		{"DateLessThan: equal", `{"DateLessThan":{"aws:CurrentTime":"2026-09-01T12:00:00Z"}}`, circumstances("aws:CurrentTime=2026-09-01T12:00:00Z"), false},
		{"DateLessThan: far off", `{"DateLessThan":{"aws:CurrentTime":1099511627775}}`, circumstances("aws:CurrentTime=-1099511627775"), true},
		{"DateLessThan: too far off", `{"DateLessThan":{"aws:CurrentTime":1099511627775}}`, circumstances("aws:CurrentTime=-1099511627776"), false},
		{"DateGreaterThan: too far off", `{"DateGreaterThan":{"aws:CurrentTime":0}}`, circumstances("aws:CurrentTime=1099511627776"), false},
		{"DateLessThanEquals", `{"DateLessThanEquals":{"aws:CurrentTime":"2026-09-01T12:00:00Z"}}`, circumstances("aws:CurrentTime=2026-09-01T12:00:00Z"), true},
		{"DateGreaterThan: a month", `{"DateGreaterThan":{"aws:CurrentTime":"2026-09"}}`, circumstances("aws:CurrentTime=2026-08-31T23:59:59Z"), false},
		{"DateGreaterThanEquals", `{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-09-01"}}`, circumstances("aws:CurrentTime=2026-09-01"), true},
		{"DateLessThan: no date", `{"DateLessThan":{"aws:CurrentTime":"2026-09-01"}}`, circumstances("aws:CurrentTime=yesterday"), false},
		{"a span of dates", `{"DateGreaterThan":{"aws:CurrentTime":"2020-04-01T00:00:00Z"},"DateLessThan":{"aws:CurrentTime":"2020-06-30T23:59:59Z"}}`, circumstances("aws:CurrentTime=2020-05-01T00:00:00Z"), true},

		{"IpAddress: in a block", `{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, circumstances("aws:SourceIp=203.0.113.77"), true},
		{"IpAddress: outside", `{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","198.51.100.0/25"]}}`, circumstances("aws:SourceIp=198.51.100.200"), false},
		{"IpAddress: one address", `{"IpAddress":{"aws:SourceIp":"203.0.113.1"}}`, circumstances("aws:SourceIp=203.0.113.1"), true},
		{"IpAddress: a block's host bits don't matter", `{"IpAddress":{"aws:SourceIp":"203.0.113.9/24"}}`, circumstances("aws:SourceIp=203.0.113.77"), true},
		{"IpAddress: version 6", `{"IpAddress":{"aws:SourceIp":"2001:DB8:1234:5678::/64"}}`, circumstances("aws:SourceIp=2001:db8:1234:5678::1"), true},
		{"IpAddress: a mapped address is version 4", `{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, circumstances("aws:SourceIp=::ffff:203.0.113.77"), true},
		{"IpAddress: no address", `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, circumstances("aws:SourceIp=localhost"), false},
		{"NotIpAddress: in a block", `{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.0/24"]}}`, circumstances("aws:SourceIp=203.0.113.77"), false},
		{"NotIpAddress: outside", `{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.0/24"]}}`, circumstances("aws:SourceIp=10.0.0.1"), true},
		{"NotIpAddress: missing key", `{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, nil, true},

		{"ArnEquals has wildcards too", `{"ArnEquals":{"aws:SourceArn":"arn:aws:ivs:*:123456789012:stage/*"}}`, circumstances("aws:SourceArn=" + stage), true},
		{"ArnLike: wildcards stay in their part", `{"ArnLike":{"aws:SourceArn":"arn:aws:*:123456789012:stage/*:x"}}`, circumstances("aws:SourceArn=" + stage + ":x"), false},
		{"ArnLike: the sixth part has colons", `{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:a*z"}}`, circumstances("aws:SourceArn=arn:aws:sns:us-east-1:1:a:b:z"), true},
		{"ArnLike: everything", `{"ArnLike":{"aws:SourceArn":"*"}}`, circumstances("aws:SourceArn=" + stage), true},
		{"ArnLike: missing key", `{"ArnLike":{"aws:SourceArn":"*"}}`, nil, false},
		{"ArnNotEquals", `{"ArnNotEquals":{"aws:SourceArn":"arn:aws:ivs:*:*:stage/*"}}`, circumstances("aws:SourceArn=" + stage), false},
		{"ArnNotLike: missing key", `{"ArnNotLike":{"aws:SourceArn":"arn:aws:ivs:*:*:stage/*"}}`, nil, true},

		{"IfExists: missing", `{"StringEqualsIfExists":{"ec2:InstanceType":["t1.*","t2.*"]}}`, nil, true},
		{"IfExists: present and other", `{"StringLikeIfExists":{"ec2:InstanceType":["t1.*","t2.*"]}}`, circumstances("ec2:InstanceType=m3.large"), false},
		{"IfExists: present and matching", `{"StringLikeIfExists":{"ec2:InstanceType":["t1.*","t2.*"]}}`, circumstances("ec2:InstanceType=t2.nano"), true},
		{"IfExists: negated and missing", `{"StringNotEqualsIfExists":{"aws:username":"a"}}`, nil, true},
		{"IfExists on Bool", `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}`, nil, true},

		{"ForAllValues: all match", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, tag("b", "a"), true},
		{"ForAllValues: one doesn't", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, tag("a", "c"), false},
		{"ForAllValues: missing key", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, nil, true},
		{"ForAllValues: an empty value", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, tag(""), true},
		{"ForAllValues with Null for a key that must be there", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]},"Null":{"aws:TagKeys":"false"}}`, nil, false},
		{"ForAllValues negated: none match", `{"ForAllValues:StringNotEquals":{"aws:TagKeys":["a","b"]}}`, tag("c", "d"), true},
		{"ForAllValues negated: one matches", `{"ForAllValues:StringNotEquals":{"aws:TagKeys":["a","b"]}}`, tag("c", "a"), false},
		{"ForAllValues negated: missing key", `{"ForAllValues:StringNotEquals":{"aws:TagKeys":["a","b"]}}`, nil, true},
		{"ForAllValues with wildcards", `{"ForAllValues:StringLike":{"aws:TagKeys":"key1*"}}`, tag("key1", "key1:x"), true},
		{"ForAnyValue: one matches", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}`, tag("c", "a"), true},
		{"ForAnyValue: none match", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}`, tag("c", "d"), false},
		{"ForAnyValue: missing key", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}`, nil, false},
		{"ForAnyValue: missing key with IfExists", `{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":["a","b"]}}`, nil, false},
		{"ForAnyValue negated: one doesn't match", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a","b"]}}`, tag("a", "c"), true},
		{"ForAnyValue negated: all match", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a","b"]}}`, tag("a", "b"), false},
		{"ForAnyValue negated: missing key", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a","b"]}}`, nil, false},

		{"several values without a set: one is enough", `{"StringEquals":{"aws:TagKeys":"a"}}`, tag("b", "a"), true},
		{"several values without a set, negated: none may match", `{"StringNotEquals":{"aws:TagKeys":"a"}}`, tag("b", "a"), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := parse(t, statementOf("Allow", `"Action":"*","Resource":"*","Condition":`+c.condition))
			got := Evaluate(Request{Action: "ivs:GetStage", Resource: stage, Context: c.context}, p).Allowed()
			if got != c.want {
				t.Errorf("%s holds: got %v, want %v", c.condition, got, c.want)
			}
		})
	}
}
