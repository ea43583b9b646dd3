package control

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/policy"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

func TestMay_AnswersAsAuthorizeWould(t *testing.T) {
	const account = "111122223333"
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	red := arn.New(arn.Stage, account, "us-east-1").String()
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.CreateAccount(store.Account{ID: account, Created: time.Now()}); err != nil {
			return err
		}
		return tx.Stages().Create(&ivsrealtime.Stage{ARN: red, Tags: map[string]string{"team": "red"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	document, err := policy.Parse(json.RawMessage(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ivs:Get*","Resource":"*"},
		{"Effect":"Allow","Action":"ivs:DeleteStage","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}},
		{"Effect":"Allow","Action":"ivs:CreateStage","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}},
		{"Effect":"Allow","Action":"ivs:TagResource","Resource":"*"},
		{"Effect":"Deny","Action":"ivs:TagResource","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestTag/team":"red"}}},
		{"Effect":"Deny","Action":"ivs:GetParticipant","Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p := &Plane{store: s}
	bounded := Caller{Account: account, Region: "us-east-1", Policies: []*policy.Policy{document}}
	free := Caller{Account: account, Region: "us-east-1"}
	blue := "arn:aws:ivs:us-east-1:" + account + ":stage/BlueBlueBlue"
	anyStage := "arn:aws:ivs:us-east-1:" + account + ":stage/*"
	for _, c := range []struct {
		name, action, resource string
		caller                 Caller
		because                string // "" if it is allowed
	}{
		{"by a wildcard", "GetStage", blue, bounded, ""},
		{"by the tag of the resource", "DeleteStage", red, bounded, ""},
		{"without that tag", "DeleteStage", blue, bounded, "No policy of your access key allows ivs:DeleteStage here."},
		{"a tag that is not chosen yet", "CreateStage", anyStage, bounded, ""},
		{"a denial that depends on a tag that is not chosen yet", "TagResource", red, bounded, ""},
		{"denied", "GetParticipant", red, bounded, "A policy of your access key denies ivs:GetParticipant here."},
		{"nothing allows it", "rostrum:ReadEvents", anyStage, bounded, "No policy of your access key allows rostrum:ReadEvents here."},
		{"without policies", "DeleteStage", blue, free, ""},
		{"without policies, on no resource", "ListPublicKeys", "*", free, ""},
		{"of another account", "GetStage", "arn:aws:ivs:us-east-1:999988887777:stage/x", free, "It belongs to another account."},
		{"of another region", "GetStage", "arn:aws:ivs:eu-west-1:" + account + ":stage/x", free, "It is in another region."},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := p.May(t.Context(), c.caller, c.action, c.resource)
			if err != nil || got.Because != c.because || got.Allowed != (c.because == "") {
				t.Errorf("%+v, %v, expected %q", got, err, c.because)
			}
		})
	}
	for _, wrong := range [][2]string{{"FlyStage", red}, {"GetStage", "stage"}} {
		if _, err := p.May(t.Context(), free, wrong[0], wrong[1]); !errors.Is(err, ivsrealtime.ValidationFailed) {
			t.Errorf("%s on %s: %v, expected a ValidationException", wrong[0], wrong[1], err)
		}
	}
}
