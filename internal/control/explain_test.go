package control

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

func TestExplain_AnswersAsTheServerWould(t *testing.T) {
	const account = "111122223333"
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	red := arn.New(arn.Stage, account, "us-east-1").String()
	foreign := arn.New(arn.Stage, "999988887777", "us-east-1").String()
	now := time.Now()
	bounded := []json.RawMessage{
		json.RawMessage(`{"Version":"2012-10-17","Statement":[
			{"Sid":"Look","Effect":"Allow","Action":"ivs:Get*","Resource":"*"},
			{"Effect":"Allow","Action":"ivs:DeleteStage","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}},
			{"Effect":"Allow","Action":["ivs:CreateStage","ivs:TagResource"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}}]}`),
		json.RawMessage(`{"Version":"2012-10-17","Statement":{"Sid":"Inside","Effect":"Deny","Action":"*","Resource":"arn:aws:ivs:*:stage/*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}}`),
	}
	keys := []store.AccessKey{
		{ID: "BOUNDED", UserName: "ann", Policies: bounded, PrincipalTags: map[string]string{"team": "red"}},
		{ID: "FREE", UserName: "ann"},
		{ID: "REVOKED", UserName: "ann", Revoked: now},
		{ID: "EXPIRED", UserName: "ann", Expires: now.Add(-time.Hour)},
	}
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.CreateAccount(store.Account{ID: account, Name: "a", Created: now}); err != nil {
			return err
		}
		for _, k := range keys {
			k.Account, k.Secret, k.Created = account, "secret", now
			if err := tx.CreateAccessKey(k); err != nil {
				return err
			}
		}
		return tx.Stages().Create(&ivsrealtime.Stage{ARN: red, Tags: map[string]string{"team": "red"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	team := func(name string) map[string]string { return map[string]string{"team": name} }
	newStage := "arn:aws:ivs:us-east-1:" + account + ":stage/*"
	cases := []struct {
		name     string
		q        Question
		allowed  bool
		decision string
		because  string
	}{
		{"an Allow", Question{Key: "BOUNDED", Action: "getstage", Resource: red}, true, "allowed", `allow by Statement[0] "Look" of policy 1`},
		{"an Allow by the stored tags", Question{Key: "BOUNDED", Action: "ivs:DeleteStage", Resource: red}, true, "allowed", "allow by Statement[1] of policy 1"},
		{"other tags", Question{Key: "BOUNDED", Action: "ivs:DeleteStage", Resource: red, Tags: team("blue")}, false, "implicit deny", "no statement allows it"},
		{"tags of a stage that isn't there", Question{Key: "BOUNDED", Action: "ivs:DeleteStage", Resource: red[:len(red)-1], Tags: team("red")}, true, "allowed", "Statement[1]"},
		{"tags of the request", Question{Key: "BOUNDED", Action: "ivs:CreateStage", Resource: newStage, Tags: team("red")}, true, "allowed", "Statement[2]"},
		{"tags that are given", Question{Key: "BOUNDED", Action: "ivs:TagResource", Resource: red, Tags: team("red")}, true, "allowed", "Statement[2]"},
		{"none of them", Question{Key: "BOUNDED", Action: "ivs:CreateStage", Resource: newStage}, false, "implicit deny", "no statement allows it"},
		{"a Deny", Question{Key: "BOUNDED", Action: "ivs:GetStage", Resource: red, Context: map[string]string{"aws:SourceIp": "203.0.113.7"}}, false, "explicit deny", `deny by Statement[0] "Inside" of policy 2`},
		{"no resource in particular", Question{Key: "BOUNDED", Action: "ivs:ListPublicKeys", Resource: "*", Region: "us-east-1"}, false, "implicit deny", "no statement allows it"},
		{"another account's", Question{Key: "FREE", Action: "ivs:GetStage", Resource: foreign}, false, "no access", "999988887777"},
		{"a key without policies", Question{Key: "FREE", Action: "ivs:GetStage", Resource: red}, true, "allowed", "without policies"},
		{"a key without policies, nothing in particular", Question{Key: "FREE", Action: "rostrum:ReadEvents", Resource: newStage}, true, "allowed", "without policies"},
		{"a revoked key", Question{Key: "REVOKED", Action: "ivs:GetStage", Resource: red}, false, "no access", "revoked"},
		{"an expired key", Question{Key: "EXPIRED", Action: "ivs:GetStage", Resource: red}, false, "no access", "expired"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Explain(t.Context(), s, c.q)
			if err != nil {
				t.Fatal(err)
			}
			if got.Allowed != c.allowed || got.Decision != c.decision || !strings.Contains(got.Because, c.because) {
				t.Errorf("got %v, %s, because %s; want %v, %s, %s", got.Allowed, got.Decision, got.Because, c.allowed, c.decision, c.because)
			}
		})
	}
	for name, q := range map[string]Question{
		"an unknown action":          {Key: "FREE", Action: "ivs:GetStag", Resource: red},
		"another service's action":   {Key: "FREE", Action: "s3:GetObject", Resource: red},
		"a resource that is no ARN":  {Key: "FREE", Action: "ivs:GetStage", Resource: "stage/abc"},
		"a pattern for the resource": {Key: "FREE", Action: "ivs:GetStage", Resource: "arn:aws:ivs:*:*:stage/abc"},
	} {
		if _, err := Explain(t.Context(), s, q); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: got %v, want ErrQuestion", name, err)
		}
	}
	if _, err := Explain(t.Context(), s, Question{Key: "NOBODY", Action: "ivs:GetStage", Resource: red}); !errors.Is(err, ivsrealtime.ResourceNotFound) {
		t.Errorf("a key nobody has: got %v", err)
	}
}
