package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rostrum/internal/arn"
	"rostrum/internal/recording"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

const startedRecording = `{"version":"v1","stage_arn":"arn:aws:ivs:us-east-1:000000000000:stage/AbCdEfGhIjKl","session_id":"st-s","participant_id":"p",` +
	`"recording_started_at":"2026-01-02T03:04:05Z","recording_status":"RECORDING_STARTED","media":{"hls":{"path":"media/hls","playlist":"multivariant.m3u8","renditions":[]}}}`

func TestRecordings_AreFoundAtEachKindOfPlace(t *testing.T) {
	data := t.TempDir()
	storage := arn.New(arn.StorageConfiguration, "000000000000", "us-east-1").String()
	st, err := store.Open(t.Context(), store.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	err = st.Write(t.Context(), func(tx *store.Tx) error {
		return tx.Storages().Create(&ivsrealtime.StorageConfiguration{ARN: storage, Tags: map[string]string{}, S3: &ivsrealtime.S3StorageConfiguration{BucketName: "recordings"}})
	})
	if err != nil || st.Close() != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(data, "buckets", "recordings", "AbCdEfGhIjKl", "st-s", "p", "2026-01-02T03-04-05Z")
	if err := os.MkdirAll(filepath.Join(folder, "events"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "events", "recording-started.json"), []byte(startedRecording), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, where := range [][]string{nil, {storage}, {"recordings"}, {"recordings/AbCdEfGhIjKl/"}, {folder}, {filepath.Join(data, "buckets")}} {
		all := answer[[]recording.Description](t, append([]string{"recordings", "list", "--data-dir", data}, where...)...)
		if len(all) != 1 || all[0].ParticipantID != "p" || all[0].Status != "RECORDING_STARTED" || all[0].Files != 1 {
			t.Errorf("at %v: %+v", where, all)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "events", "recording-ended.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for where, expected := range map[string]string{
		"recordings":                   "recording-ended.json: it is not the JSON expected",
		"elsewhere":                    "there is no recording",
		filepath.Join(data, "missing"): "no such file",
	} {
		stdout, stderr, code := finish(t, rostrum(t, "recordings", "verify", where, "--data-dir", data))
		if code != exitFailure || !strings.Contains(stdout+stderr, expected) {
			t.Errorf("verify %s: expected exit 1 with %q, saw %d: %s%s", where, expected, code, stdout, stderr)
		}
	}
}
