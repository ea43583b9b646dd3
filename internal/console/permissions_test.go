package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rostrum/ivsrealtime"
)

func TestPermissions_AreThoseOfTheKey(t *testing.T) {
	f := newFixture(t, "")
	const stage, foreign = "arn:aws:ivs:eu-west-1:111122223333:stage/AbsentAbsent", "arn:aws:ivs:eu-west-1:999988887777:stage/AbsentAbsent"
	ask := func(cookie *http.Cookie, action, resource string) string {
		return text(f.send(request{path: "/console/permissions", body: fmt.Sprintf(`{"questions":[{"action":%q,"resource":%q}]}`, action, resource), cookie: cookie}))
	}
	reader, alice := f.signIn(t, keyBody("AKIAREADER", "reader-secret")), f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	for what, c := range map[string]struct {
		cookie                   *http.Cookie
		action, resource, answer string
	}{
		"what a policy allows":                {reader, "GetStage", stage, `{"answers":[{"allowed":true}]}`},
		"what no policy allows":               {reader, "DeleteStage", stage, `{"answers":[{"allowed":false,"because":"No policy of your access key allows ivs:DeleteStage here."}]}`},
		"a key without policies":              {alice, "DeleteStage", stage, `{"answers":[{"allowed":true}]}`},
		"a stage of another account":          {alice, "GetStage", foreign, `"because":"It belongs to another account."`},
		"an action that is none":              {alice, "FlyStage", stage, "ValidationException"},
		"a page that nobody has signed in to": {nil, "GetStage", stage, "MissingAuthenticationToken"},
	} {
		if got := ask(c.cookie, c.action, c.resource); !strings.Contains(got, c.answer) {
			t.Errorf("%s: %s, expected %s", what, got, c.answer)
		}
	}
	many := `{"questions":[` + strings.Repeat(`{"action":"GetStage","resource":"*"},`, 100) + `{"action":"GetStage","resource":"*"}]}`
	if a := f.send(request{path: "/console/permissions", body: many, cookie: alice}); code(a) != ivsrealtime.ValidationFailed {
		t.Errorf("101 questions are answered with %s", text(a))
	}
}
