package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rostrum/internal/control"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// qualityFixture is a server with a participant whose client has reported.
func qualityFixture(t *testing.T) (h *fixture, stageID, path string) {
	h = newFixture(t, control.OpenLimits())
	var created ivsrealtime.CreateStageOutput
	h.call(t, request{path: "/CreateStage", body: "{}"}, &created)
	of := stage.Reporter{StageARN: created.Stage.ARN, SessionID: "st-abcdefABCDEFG", ParticipantID: "Qw2eRt5yUi8o"}
	err := h.store.Write(context.Background(), func(tx *store.Tx) error {
		if err := tx.OpenSession(store.Session{StageARN: of.StageARN, ID: of.SessionID, Start: time.Now(), Node: "n"}); err != nil {
			return err
		}
		return tx.CreateParticipant(&store.Participant{
			Participant: ivsrealtime.Participant{ParticipantID: of.ParticipantID}, StageARN: of.StageARN, SessionID: of.SessionID,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	h.quality.Report(of, wire.Quality{Interval: 5000, Sent: &wire.MediaQuality{Bitrate: 1e6, Loss: 0.3, Codec: "H264"}})
	_, stageID, _ = strings.Cut(of.StageARN, "/")
	return h, stageID, "/quality/" + stageID + "/" + of.SessionID + "/" + of.ParticipantID
}

func TestQuality_AnswersWhyMediaWereBad(t *testing.T) {
	h, _, path := qualityFixture(t)
	for _, q := range []request{get(path), get(path, "at", time.Now().Format(time.RFC3339)), get(path, "from", time.Now().Add(-time.Minute).Format(time.RFC3339))} {
		var got struct {
			Causes  []struct{ Code, Direction, Detail string }
			Sent    []struct{ BitrateKbps, LossPermille int }
			Details struct{ SendCodec string }
		}
		h.call(t, q, &got)
		if len(got.Causes) != 1 || got.Causes[0].Code != "uplink-loss" || len(got.Sent) != 1 || got.Sent[0].LossPermille != 300 || got.Details.SendCodec != "H264" {
			t.Errorf("%s: expected the loss on the uplink, got %+v", q.path, got)
		}
	}
}

func TestQuality_RefusesOthersAndNonsense(t *testing.T) {
	h, id, path := qualityFixture(t)
	elsewhere := strings.Replace(path, id, "Zz1Bb2Cc3Dd4", 1)
	h.addKey(t, account, "AKIAREADER", "reader-secret", "reader",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rostrum:ReadQuality","Resource":"`+stageARN(account, id)+`"}]}`)
	h.addKey(t, account, "AKIAOTHER", "other-secret", "other",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ivs:*","rostrum:ReadEvents"],"Resource":"*"}]}`)
	for name, tt := range map[string]struct {
		key, secret string
		q           request
		status      int
	}{
		"a key that may":               {"AKIAREADER", "reader-secret", get(path), 200},
		"a key that may of this stage": {"AKIAREADER", "reader-secret", get(elsewhere), 403},
		"a key that may all else":      {"AKIAOTHER", "other-secret", get(path), 403},
		"another account":              {"AKIABOB", "bob-secret", get(path), 404},
		"no signature":                 {"", "", request{method: "GET", path: path, unsigned: true}, 403},
		"the session of another stage": {"AKIAALICE", "alice-secret", get(elsewhere), 404},
		"another participant":          {"AKIAALICE", "alice-secret", get(path + "x"), 404},
		"a path that is too short":     {"AKIAALICE", "alice-secret", get("/quality/" + id + "/st-abcdefABCDEFG"), 400},
		"a path that is no id":         {"AKIAALICE", "alice-secret", get("/quality/%2A/st-abcdefABCDEFG/Qw2eRt5yUi8o"), 400},
		"no time":                      {"AKIAALICE", "alice-secret", get(path, "at", "14:03"), 400},
		"a time and a stretch":         {"AKIAALICE", "alice-secret", get(path, "at", "2026-07-01T14:03:07Z", "from", "2026-07-01T14:03:07Z"), 400},
		"a stretch that ends first":    {"AKIAALICE", "alice-secret", get(path, "from", "2026-07-02T14:03:07Z", "to", "2026-07-01T14:03:07Z"), 400},
		"another parameter":            {"AKIAALICE", "alice-secret", get(path, "limit", "2026-07-01T14:03:07Z"), 400},
	} {
		tt.q.key, tt.q.secret = tt.key, tt.secret
		a := h.send(t, tt.q)
		if _, message := a.fault(); a.StatusCode != tt.status || tt.status == 200 && !json.Valid([]byte(a.body)) {
			t.Errorf("%s: %d %q, expected %d", name, a.StatusCode, message, tt.status)
		}
	}
}
