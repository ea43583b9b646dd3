package policy

import (
	"slices"
	"testing"
)

func TestExplain_NamesWhatEachStatementHasToDoWithIt(t *testing.T) {
	first := parse(t, `{"Version":"2012-10-17","Id":"team","Statement":[
		{"Sid":"Look","Effect":"Allow","Action":["ivs:Get*","ivs:List*"],"Resource":"*"},
		{"Effect":"Allow","NotAction":"ivs:Delete*","NotResource":"arn:aws:ivs:*:stage/*"},
		{"Sid":"Own","Effect":"Allow","Action":"ivs:DeleteStage","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}},
		{"Effect":"Deny","Action":"ivs:*","Resource":"*","Condition":{"ForAnyValue:StringLike":{"aws:TagKeys":"x-*"},"Null":{"aws:username":false}}}]}`)
	second := parse(t, `{"Statement":{"Effect":"Allow","Action":"ivs:DeleteStage","Resource":"arn:aws:ivs:*:stage/abcdefghijkl"}}`)
	cases := []struct {
		name      string
		action    string
		context   *Context
		policies  []*Policy
		want      Outcome
		decides   int // -1 for none
		because   []string
		resources string
	}{
		{"by the second policy", "ivs:DeleteStage", circumstances("aws:ResourceTag/team=blue"), []*Policy{first, second}, Allowed, 4, []string{
			"its Action does not include ivs:DeleteStage", "its NotAction includes ivs:DeleteStage",
			`its Condition StringEquals is not met: aws:ResourceTag/team is "blue"`, "its Condition ForAnyValue:StringLike is not met: aws:TagKeys is missing", ""}, stage},
		{"by its condition", "ivs:DeleteStage", circumstances("aws:ResourceTag/team=red", "aws:TagKeys=x", "aws:TagKeys=y"), []*Policy{first}, Allowed, 2, []string{
			"its Action does not include ivs:DeleteStage", "its NotAction includes ivs:DeleteStage", "",
			`its Condition ForAnyValue:StringLike is not met: aws:TagKeys is ["x" "y"]`}, stage},
		{"by a Deny", "ivs:GetStage", circumstances("aws:TagKeys=x-y", "aws:username=ann"), []*Policy{first}, ExplicitDeny, 3, []string{
			"", "its NotResource includes " + stage, "its Action does not include ivs:GetStage", ""}, stage},
		{"by nothing", "ivs:DeleteStage", circumstances("aws:TagKeys=x-y"), []*Policy{first, second}, ImplicitDeny, -1, []string{
			"its Action does not include ivs:DeleteStage", "its NotAction includes ivs:DeleteStage", "its Condition StringEquals is not met: aws:ResourceTag/team is missing",
			"its Condition Null is not met: aws:username is missing", "its Resource does not include " + stage + "m"}, stage + "m"},
		{"without policies", "ivs:DeleteStage", nil, nil, ImplicitDeny, -1, nil, stage},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, findings := Explain(Request{Action: c.action, Resource: c.resources, Context: c.context}, c.policies...)
			if d.Outcome != c.want {
				t.Errorf("got %v, want %v", d, c.want)
			}
			if len(findings) != len(c.because) {
				t.Fatalf("got %d findings, want %d", len(findings), len(c.because))
			}
			for i, f := range findings {
				if f.Because != c.because[i] || f.Applies != (c.because[i] == "") || f.Decides != (i == c.decides) {
					t.Errorf("statement %d: got %+v, want %q, decides %v", i, f, c.because[i], i == c.decides)
				}
			}
			if len(findings) > 0 && findings[0].ID != "team" {
				t.Errorf("the policy's Id is %q", findings[0].ID)
			}
			if n := slices.IndexFunc(findings, func(f Finding) bool { return f.Effect == "Deny" }); len(findings) > 0 && n != 3 {
				t.Errorf("the Deny is found at %d, want 3", n)
			}
		})
	}
}
