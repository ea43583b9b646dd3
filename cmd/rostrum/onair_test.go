package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/ivs"
	"rostrum/internal/store"
)

func TestOnAir_ShowsEachPush(t *testing.T) {
	data := t.TempDir()
	st, err := store.Open(t.Context(), store.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	channel := func(account, name, stream string, p *store.Push) *store.Channel {
		return &store.Channel{Channel: ivs.Channel{ARN: arn.New(arn.Channel, account, "eu-west-1").String(), Name: name, Tags: map[string]string{}}, StreamID: stream, Push: p}
	}
	since := time.Now().Add(-time.Minute)
	err = st.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(
			tx.Channels().Create(channel("000000000000", "goes", "st-1", &store.Push{Host: "live.example", Up: true, Since: since})),
			tx.Channels().Create(channel("000000000000", "fails", "st-2", &store.Push{Host: "away.example", Since: since, Reason: "connection refused"})),
			tx.Channels().Create(channel("000000000000", "alone", "st-3", nil)),
			tx.Channels().Create(channel("000000000000", "offline", "", nil)),
			tx.Channels().Create(channel("111111111111", "another's", "st-4", nil)))
	})
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	all := answer[[]liveChannel](t, "on-air", "--data-dir", data)
	if len(all) != 3 || all[0].Name != "goes" || !all[0].Push.Up || all[1].Push.Reason != "connection refused" || all[2].StreamID != "st-3" || all[2].Push != nil {
		t.Errorf("on air: %+v", all)
	}
	stdout, stderr, code := finish(t, rostrum(t, "on-air", "--data-dir", data))
	for _, expected := range []string{"live.example, for 1m", "away.example, interrupted for 1m", ": connection refused", "alone"} {
		if code != exitOK || !strings.Contains(stdout, expected) {
			t.Errorf("exit %d, expected %q, saw %s%s", code, expected, stdout, stderr)
		}
	}
	if strings.Contains(stdout, "offline") || strings.Contains(stdout, "another's") {
		t.Errorf("saw channels that are not this account's, or not on air: %s", stdout)
	}
}
