package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"rostrum/internal/control"
	"rostrum/ivsrealtime"
)

func TestServer_AnswersFaultsWithErrorsOfTheAPI(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	for name, tt := range map[string]struct {
		request
		status int
		code   ivsrealtime.Code
		says   string
	}{
		"an unknown operation":     {request{path: "/CreateRoom", body: `{}`}, 404, ivsrealtime.UnknownOperation, "CreateRoom"},
		"another case":             {request{path: "/createStage", body: `{}`}, 404, ivsrealtime.UnknownOperation, "createStage"},
		"the wrong method":         {request{method: "GET", path: "/CreateStage"}, 404, ivsrealtime.UnknownOperation, "POST"},
		"the wrong method of tags": {request{method: "PUT", path: "/tags/x", body: `{}`}, 404, ivsrealtime.UnknownOperation, "DELETE, GET, POST"},
		"no signature":             {request{path: "/CreateStage", body: `{}`, unsigned: true}, 403, ivsrealtime.MissingAuthentication, ""},
		"a wrong secret":           {request{path: "/CreateStage", body: `{}`, key: "AKIAALICE", secret: "guess"}, 403, ivsrealtime.InvalidSignature, "signature"},
		"an unknown key":           {request{path: "/CreateStage", body: `{}`, key: "AKIANOBODY", secret: "x"}, 403, ivsrealtime.UnrecognizedClient, "security token"},
		"a clock an hour late":     {request{path: "/CreateStage", body: `{}`, at: time.Now().Add(-time.Hour)}, 403, ivsrealtime.InvalidSignature, "Signature expired"},
		"a clock an hour early":    {request{path: "/CreateStage", body: `{}`, at: time.Now().Add(time.Hour)}, 403, ivsrealtime.InvalidSignature, "Signature not yet current"},
		"a form":                   {request{path: "/CreateStage", body: `name=x`, contentType: "application/x-www-form-urlencoded"}, 400, ivsrealtime.MalformedRequest, "application/json"},
		"no JSON":                  {request{path: "/CreateStage", body: `{"name":`}, 400, ivsrealtime.ValidationFailed, "JSON"},
		"an array":                 {request{path: "/CreateStage", body: `[]`}, 400, ivsrealtime.ValidationFailed, "object"},
		"two objects":              {request{path: "/CreateStage", body: `{}{}`}, 400, ivsrealtime.ValidationFailed, "after"},
		"invalid UTF-8":            {request{path: "/CreateStage", body: "{\"name\":\"\xff\"}"}, 400, ivsrealtime.ValidationFailed, "UTF-8"},
		"deep JSON":                {request{path: "/CreateStage", body: `{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`}, 400, ivsrealtime.ValidationFailed, "JSON"},
		"a body over 512 KiB":      {request{path: "/CreateStage", body: `{"name":"` + strings.Repeat("x", 1<<20) + `"}`}, 413, ivsrealtime.RequestTooLarge, "524288"},
		"a number as name":         {request{path: "/CreateStage", body: `{"name":7}`}, 400, ivsrealtime.ValidationFailed, "name is a number, must be a string"},
		"a fraction as integer":    {request{path: "/ListStages", body: `{"maxResults":1.5}`}, 400, ivsrealtime.ValidationFailed, "maxResults"},
		"a page too large":         {request{path: "/ListStages", body: `{"maxResults":101}`}, 400, ivsrealtime.ValidationFailed, "maxResults is 101, must be between 1 and 100"},
		"a bad ARN":                {request{path: "/GetStage", body: `{"arn":"stage"}`}, 400, ivsrealtime.ValidationFailed, "arn is \"stage\""},
		"no ARN":                   {request{path: "/GetStage", body: `{}`}, 400, ivsrealtime.ValidationFailed, "arn is missing"},
		"no body at all":           {request{path: "/GetStage"}, 400, ivsrealtime.ValidationFailed, "arn is missing"},
		"a stage that is not":      {request{path: "/GetStage", body: `{"arn":"arn:aws:ivs:eu-west-1:111122223333:stage/abcdef123456"}`}, 404, ivsrealtime.ResourceNotFound, "abcdef123456"},
		"another account's":        {request{path: "/GetStage", body: `{"arn":"arn:aws:ivs:eu-west-1:999988887777:stage/abcdef123456"}`}, 403, ivsrealtime.AccessDenied, "not authorized to perform: ivs:GetStage"},
		"an invented page token":   {request{path: "/ListStages", body: `{"nextToken":"abcd"}`}, 400, ivsrealtime.ValidationFailed, "nextToken"},
		"a region with a path":     {request{path: "/ListStages", body: `{}`, region: "../x"}, 403, "", ""},
	} {
		a := h.send(t, tt.request)
		code, message := a.fault()
		if a.StatusCode != tt.status || tt.code != "" && code != string(tt.code) || !strings.Contains(message, tt.says) {
			t.Errorf("%s: %d %s %q, expected %d %s with %q", name, a.StatusCode, code, message, tt.status, tt.code, tt.says)
		}
		if a.Header.Get("x-amzn-RequestId") == "" || a.Header.Get("Date") == "" || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: the answer lacks its request id, date or content type: %v", name, a.Header)
		}
	}
	if strings.Contains(h.log.String(), "alice-secret") {
		t.Error("the log holds a secret")
	}
}

func TestServer_SeparatesAccountsAndRegions(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	mine := h.createStage(t, request{})
	bob := request{key: "AKIABOB", secret: "bob-secret"}
	elsewhere := request{region: "us-east-1"}
	for name, q := range map[string]request{"another account": bob, "another region": elsewhere} {
		q.path, q.body = "/ListStages", `{}`
		var list ivsrealtime.ListStagesOutput
		h.call(t, q, &list)
		if len(list.Stages) != 0 {
			t.Errorf("%s sees %v", name, list.Stages)
		}
		q.path, q.body = "/DeleteStage", `{"arn":"`+mine.ARN+`"}`
		if a := h.send(t, q); a.StatusCode != 403 && a.StatusCode != 404 {
			t.Errorf("%s deletes a stage: %d", name, a.StatusCode)
		}
	}
	h.call(t, request{path: "/GetStage", body: `{"arn":"` + mine.ARN + `"}`}, nil)
}

func TestServer_PagesWithoutGapOrRepeat(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	want := map[string]bool{}
	for range 23 {
		want[h.createStage(t, request{}).ARN] = true
	}
	seen, token := map[string]bool{}, ""
	for range 10 {
		var page ivsrealtime.ListStagesOutput
		h.call(t, request{path: "/ListStages", body: fmt.Sprintf(`{"maxResults":5,"nextToken":%q}`, token)}, &page)
		for _, s := range page.Stages {
			if seen[s.ARN] {
				t.Errorf("%s comes twice", s.ARN)
			}
			seen[s.ARN] = true
		}
		if token = page.NextToken; token == "" {
			break
		}
	}
	if len(seen) != len(want) {
		t.Errorf("the pages hold %d stages, expected %d", len(seen), len(want))
	}
}

func TestServer_AcceptsTagARNsEscapedOrNot(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	s := h.createStage(t, request{})
	escaped := "/tags/" + strings.NewReplacer(":", "%3A", "/", "%2F").Replace(s.ARN)
	for _, path := range []string{escaped, "/tags/" + s.ARN} {
		h.call(t, request{path: path, body: `{"tags":{"team":"blue","stage":"test"}}`}, nil)
		var out ivsrealtime.ListTagsForResourceOutput
		h.call(t, request{method: "GET", path: path}, &out)
		if len(out.Tags) != 2 || out.Tags["team"] != "blue" {
			t.Errorf("%s: tags are %v", path, out.Tags)
		}
		h.call(t, request{method: "DELETE", path: path + "?tagKeys=team&tagKeys=stage&tagKeys=never"}, nil)
		h.call(t, request{method: "GET", path: path}, &out)
	}
}

func TestServer_LimitsTagsToFifty(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	s := h.createStage(t, request{})
	tags := map[string]string{}
	for i := range ivsrealtime.MaxTags {
		tags[fmt.Sprint("k", i)] = "v"
	}
	body, _ := json.Marshal(map[string]any{"tags": tags})
	h.call(t, request{path: "/tags/" + s.ARN, body: string(body)}, nil)
	a := h.send(t, request{path: "/tags/" + s.ARN, body: `{"tags":{"k50":"v"}}`})
	if code, message := a.fault(); a.StatusCode != 400 || code != "ValidationException" || !strings.Contains(message, "51") {
		t.Errorf("the 51st tag: %d %s %q, expected a ValidationException that names the count", a.StatusCode, code, message)
	}
	h.call(t, request{path: "/tags/" + s.ARN, body: `{"tags":{"k49":"changed"}}`}, nil)
}

func TestServer_EvaluatesPolicies(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	h.addKey(t, account, "AKIACAROL", "carol-secret", "carol", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ivs:CreateStage","ivs:TagResource"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"${aws:PrincipalTag/team}"}}},
		{"Effect":"Allow","Action":["ivs:GetStage","ivs:DeleteStage","ivs:CreateParticipantToken"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}},
		{"Effect":"Deny","Action":"ivs:DeleteStage","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/keep":"yes"}}}]}`)
	carol := func(path, body string) request {
		return request{path: path, body: body, key: "AKIACAROL", secret: "carol-secret"}
	}
	red := h.createStage(t, carol("", `{"tags":{"team":"red"}}`))
	kept := h.createStage(t, request{body: `{"tags":{"team":"red","keep":"yes"}}`})
	blue := h.createStage(t, request{body: `{"tags":{"team":"blue"}}`})
	taken := h.createStage(t, request{body: `{"tags":{"team":"blue"}}`})
	for name, tt := range map[string]struct {
		q       request
		allowed bool
	}{
		"her team's stage":               {carol("/GetStage", `{"arn":"`+red.ARN+`"}`), true},
		"a token for it":                 {carol("/CreateParticipantToken", `{"stageArn":"`+red.ARN+`"}`), true},
		"another team's stage":           {carol("/GetStage", `{"arn":"`+blue.ARN+`"}`), false},
		"a stage that may not go":        {carol("/DeleteStage", `{"arn":"`+kept.ARN+`"}`), false},
		"a stage for another team":       {carol("/CreateStage", `{"tags":{"team":"blue"}}`), false},
		"a stage without tags":           {carol("/CreateStage", `{}`), false},
		"an operation noStages mentions": {carol("/ListStages", `{}`), false},
		"tags of another team's stage":   {carol("/tags/"+blue.ARN, `{"tags":{"team":"blue"}}`), false},
		"taking over a stage by its tag": {carol("/tags/"+taken.ARN, `{"tags":{"team":"red"}}`), true},
	} {
		a := h.send(t, tt.q)
		code, message := a.fault()
		if (a.StatusCode == 200) != tt.allowed || !tt.allowed && code != "AccessDeniedException" {
			t.Errorf("%s: %d %s %s, expected allowed: %v", name, a.StatusCode, code, message, tt.allowed)
		}
	}
}

func TestServer_EnforcesQuotasAndRates(t *testing.T) {
	limits := control.AWSLimits()
	limits.OtherRequests = 0
	h := newFixture(t, limits)
	for range limits.EncoderConfigurations {
		h.call(t, request{path: "/CreateEncoderConfiguration", body: `{}`}, nil)
	}
	a := h.send(t, request{path: "/CreateEncoderConfiguration", body: `{}`})
	if code, message := a.fault(); a.StatusCode != 402 || code != "ServiceQuotaExceededException" || !strings.Contains(message, "20") {
		t.Errorf("one over the quota: %d %s %q, expected 402 that names it", a.StatusCode, code, message)
	}
	var throttled answer
	for range 100 {
		if throttled = h.send(t, request{path: "/ListPublicKeys", body: `{}`}); throttled.StatusCode != 200 {
			break
		}
	}
	if code, _ := throttled.fault(); throttled.StatusCode != 429 || code != "ThrottlingException" || throttled.Header.Get("Retry-After") == "" {
		t.Errorf("over the rate: %d %s %v, expected 429 with Retry-After", throttled.StatusCode, code, throttled.Header)
	}
}

func FuzzBody(f *testing.F) {
	h := newFixture(f, control.Limits{})
	for _, body := range []string{`{}`, `{"arn":7}`, `{"tags":{"a":"b"}}`, `{"destinations":[{"s3":null}]}`, "\xff", `{"stageArn":"arn:aws:ivs:eu-west-1:111122223333:stage/x"}`} {
		f.Add("CreateStage", body)
		f.Add("StartComposition", body)
		f.Add("CreateParticipantToken", body)
	}
	names := map[string]bool{}
	for _, s := range ivsrealtime.Specs() {
		names[s.Name] = true
	}
	f.Fuzz(func(t *testing.T, operation, body string) {
		if !names[operation] {
			t.Skip()
		}
		if a := h.send(t, request{path: "/" + operation, body: body}); a.StatusCode >= 500 {
			t.Errorf("%s %q: %d %s", operation, body, a.StatusCode, a.body)
		}
	})
}
