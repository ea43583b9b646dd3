package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

const region = "us-west-2"

// A caller is who signs a step's request, and how.
type caller struct {
	Name         string `json:"name"`
	Endpoint     string `json:"endpoint"`
	Region       string `json:"region"`
	AccessKey    string `json:"accessKey"`
	SecretKey    string `json:"secretKey"`
	SessionToken string `json:"sessionToken,omitempty"`
	Attempts     int    `json:"attempts,omitempty"` // 0: as many as the client likes
	Clock        int    `json:"clock,omitempty"`    // seconds that its clock is ahead
}

// A world is one client's account, with what was in it before the server
// started: what only media could make.
type environment struct {
	variables map[string]any
	callers   map[string]caller
}

// seed fills the stores of the two servers with a client's world. The accounts
// of the clients differ, so that they can run side by side.
func seed(t *testing.T, number int, open, limited *store.Store) *environment {
	t.Helper()
	w := &environment{variables: map[string]any{}, callers: map[string]caller{}}
	account, otherAccount := fmt.Sprintf("1111%08d", number), fmt.Sprintf("2222%08d", number)
	keys := w.people(account, otherAccount)
	for _, s := range []*store.Store{open, limited} {
		write(t, s, func(tx *store.Tx) error { return keep(tx, keys, account, otherAccount) })
	}
	w.words(t)
	write(t, open, func(tx *store.Tx) error { return w.history(tx, account) })
	return w
}

func write(t *testing.T, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Write(context.Background(), fn); err != nil {
		t.Fatalf("seed: %v", err)
	}
}

func keep(tx *store.Tx, keys []store.AccessKey, accounts ...string) error {
	for _, id := range accounts {
		if err := tx.CreateAccount(store.Account{ID: id, Created: time.Now()}); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if err := tx.CreateAccessKey(k); err != nil {
			return err
		}
	}
	return nil
}

// people names the callers of the scenario and makes their access keys.
func (w *environment) people(account, otherAccount string) []store.AccessKey {
	owner := store.AccessKey{ID: "AKIAOWNER" + account, Account: account, UserName: "owner"}
	reader := store.AccessKey{ID: "AKIAREADER" + account, Account: account, UserName: "reader", Policies: []json.RawMessage{json.RawMessage(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ivs:Get*","ivs:List*"],"Resource":"*"}}`)}}
	team := store.AccessKey{ID: "AKIATEAM" + account, Account: account, UserName: "team", PrincipalTags: map[string]string{"team": "red"}, Policies: []json.RawMessage{json.RawMessage(
		`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["ivs:CreateStage","ivs:TagResource"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"${aws:PrincipalTag/team}"}}},
			{"Effect":"Allow","Action":"ivs:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}]}`)}}
	visitor := store.AccessKey{ID: "ASIAVISITOR" + account, Account: account, UserName: "visitor", SessionToken: rand.Text() + "/+=", Expires: time.Now().Add(time.Hour)}
	other := store.AccessKey{ID: "AKIAOTHERACCT" + account, Account: otherAccount, UserName: "otherAccount"}
	keys := []store.AccessKey{owner, reader, team, visitor, other}
	for i := range keys {
		keys[i].Secret, keys[i].Created = rand.Text(), time.Now()
		k := &keys[i]
		w.callers[k.UserName] = caller{Region: region, AccessKey: k.ID, SecretKey: k.Secret, SessionToken: k.SessionToken}
	}
	variant := func(name, of string, change func(*caller)) {
		c := w.callers[of]
		change(&c)
		w.callers[name] = c
	}
	variant("stranger", "owner", func(c *caller) { c.AccessKey = "AKIANOBODY" })
	variant("impostor", "owner", func(c *caller) { c.SecretKey = "guessed" })
	variant("forgetful", "visitor", func(c *caller) { c.SessionToken = "" })
	variant("elsewhere", "owner", func(c *caller) { c.Region = "eu-central-1" })
	variant("hasty", "owner", func(c *caller) { c.Attempts = 1 })
	variant("ahead", "owner", func(c *caller) { c.Attempts, c.Clock = 1, 600 })
	variant("behind", "owner", func(c *caller) { c.Attempts, c.Clock = 1, -600 })
	variant("adrift", "owner", func(c *caller) { c.Clock = -600 }) // and may try again
	for name, c := range w.callers {
		c.Name = name
		w.callers[name] = c
	}
	return keys
}

// words are values of the scenario that are too long to be written in it.
func (w *environment) words(t *testing.T) {
	t.Helper()
	w.variables["longName"] = strings.Repeat("n", 129)
	w.variables["kilobyte"] = strings.Repeat("k", 1024)
	tags := map[string]any{}
	for i := range ivsrealtime.MaxTags {
		tags[fmt.Sprint("tag-", i)] = fmt.Sprint("value-", i)
	}
	w.variables["fiftyTags"] = tags
	for name, curve := range map[string]elliptic.Curve{"1": elliptic.P384(), "2": elliptic.P384(), "3": elliptic.P384(), "P256": elliptic.P256()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		w.variables["pem"+name] = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		sum := md5.Sum(der)
		pairs := make([]string, len(sum))
		for i, b := range sum {
			pairs[i] = hex.EncodeToString([]byte{b})
		}
		w.variables["fingerprint"+name] = strings.Join(pairs, ":")
	}
}

// history makes stages on which people have met, and what was composed of them.
func (w *environment) history(tx *store.Tx, account string) error {
	name := func(variable string, t arn.Type) string {
		n := arn.New(t, account, region).String()
		w.variables[variable] = n
		return n
	}
	for _, stage := range []string{"hall", "annex1", "annex2", "annex3", "annex4", "annex5", "studio"} {
		if err := tx.Stages().Create(&ivsrealtime.Stage{ARN: name(stage, arn.Stage), Name: stage, AutoParticipantRecordingConfiguration: notRecorded()}); err != nil {
			return err
		}
	}
	if err := tx.Encoders().Create(&ivsrealtime.EncoderConfiguration{
		ARN: name("seededEncoder", arn.EncoderConfiguration), Name: "seeded",
		Video: &ivsrealtime.Video{Width: new(1280), Height: new(720), Framerate: new(30.0), Bitrate: new(2_500_000)},
	}); err != nil {
		return err
	}
	if err := tx.Storages().Create(&ivsrealtime.StorageConfiguration{
		ARN: name("seededStorage", arn.StorageConfiguration), Name: "seeded", S3: &ivsrealtime.S3StorageConfiguration{BucketName: "seeded-bucket"},
	}); err != nil {
		return err
	}
	begin := time.Now().Add(-3 * time.Hour)
	for i, variable := range []string{"session1", "session2", "session"} {
		id := arn.NewSessionID()
		w.variables[variable] = id
		start := begin.Add(time.Duration(i) * time.Hour)
		if err := tx.OpenSession(store.Session{StageARN: w.text("hall"), ID: id, Start: start, Node: "seed"}); err != nil {
			return err
		}
		if err := tx.EndSession(w.text("hall"), id, start.Add(50*time.Minute)); err != nil {
			return err
		}
	}
	if err := w.participants(tx, account, begin.Add(2*time.Hour)); err != nil {
		return err
	}
	return w.compositions(tx, name)
}

func (w *environment) text(variable string) string { return w.variables[variable].(string) }

// notRecorded is the recording configuration of a stage that doesn't record.
func notRecorded() *ivsrealtime.AutoParticipantRecordingConfiguration {
	return &ivsrealtime.AutoParticipantRecordingConfiguration{
		StorageConfigurationARN: new(""),
		MediaTypes:              []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordAudioVideo},
		ThumbnailConfiguration: &ivsrealtime.ParticipantThumbnailConfiguration{
			TargetIntervalSeconds: new(60), Storage: []ivsrealtime.ThumbnailStorageType{ivsrealtime.ThumbnailSequential}, RecordingMode: ivsrealtime.ThumbnailDisabled,
		},
		RecordingReconnectWindowSeconds: new(0),
		HLSConfiguration:                &ivsrealtime.ParticipantRecordingHLSConfiguration{TargetSegmentDurationSeconds: new(6)},
		RecordParticipantReplicas:       new(true),
	}
}

// participants makes those of the newest session, and what happened to one of them.
func (w *environment) participants(tx *store.Tx, account string, at time.Time) error {
	all := []ivsrealtime.Participant{
		{
			UserID: "ann", Attributes: map[string]string{"displayName": "Ann"}, Published: true, Protocol: ivsrealtime.ProtocolWHIP,
			OSName: "Linux", OSVersion: "6.1", BrowserName: "Firefox", BrowserVersion: "140.0", SDKVersion: "1.2.0",
			RecordingState: ivsrealtime.RecordingStopped, RecordingS3BucketName: "seeded-bucket", RecordingS3Prefix: "stage/st-session/participant/2026-09-01T10-00-00Z",
			ReplicationType: ivsrealtime.ReplicationSource, ReplicationState: ivsrealtime.ReplicationStopped,
		},
		{UserID: "bob", RecordingState: ivsrealtime.RecordingDisabled, Protocol: ivsrealtime.ProtocolUnknown},
		{
			Published: true, RecordingState: ivsrealtime.RecordingDisabled, ReplicationType: ivsrealtime.ReplicationReplica, ReplicationState: ivsrealtime.ReplicationStopped,
			SourceStageARN: w.text("annex1"), SourceSessionID: w.text("session1"),
		},
		encoder(account), encoder(account),
	}
	for i, variable := range []string{"speaker", "listener", "replicated", "encoderOne", "encoderTwo"} {
		p := &store.Participant{Participant: all[i], StageARN: w.text("hall"), SessionID: w.text("session"), Node: "seed"}
		p.ParticipantID, p.State, p.FirstJoinTime = arn.NewID(), ivsrealtime.ParticipantDisconnected, at.Add(time.Duration(i)*time.Second)
		if p.Attributes == nil {
			p.Attributes = map[string]string{}
		}
		if err := tx.CreateParticipant(p); err != nil {
			return err
		}
		w.variables[variable] = p.ParticipantID
	}
	for i := range 5 {
		r := &store.Replication{Node: "seed", ParticipantReplica: ivsrealtime.ParticipantReplica{
			SourceStageARN: w.text("hall"), ParticipantID: w.text("speaker"), SourceSessionID: w.text("session"),
			DestinationStageARN: w.text(fmt.Sprint("annex", i+1)), DestinationSessionID: arn.NewSessionID(), ReplicationState: ivsrealtime.ReplicationStopped,
		}}
		if err := tx.SaveReplication(r); err != nil {
			return err
		}
	}
	return w.events(tx, at)
}

func encoder(account string) ivsrealtime.Participant {
	return ivsrealtime.Participant{
		UserID: "studio", Published: true, Protocol: ivsrealtime.ProtocolRTMPS, RecordingState: ivsrealtime.RecordingDisabled,
		RedundantIngest: true, IngestConfigurationARN: arn.New(arn.IngestConfiguration, account, region).String(),
	}
}

func (w *environment) events(tx *store.Tx, at time.Time) error {
	speaker, annex, session := w.text("speaker"), w.text("annex1"), w.text("session1")
	publish, subscribe := ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe
	for i, e := range []ivsrealtime.Event{
		{Name: ivsrealtime.EventJoined},
		{Name: ivsrealtime.EventPublishStarted},
		{Name: ivsrealtime.EventSubscribeStarted, RemoteParticipantID: w.text("replicated")},
		{Name: ivsrealtime.EventSubscribeError, RemoteParticipantID: w.text("listener"), ErrorCode: ivsrealtime.ErrorPublisherNotFound},
		{
			Name:          ivsrealtime.EventTokenExchanged,
			PreviousToken: &ivsrealtime.ExchangedParticipantToken{Capabilities: []ivsrealtime.Capability{subscribe}, UserID: "ann", Attributes: map[string]string{"displayName": "An"}, ExpirationTime: at.Add(time.Hour)},
			NewToken:      &ivsrealtime.ExchangedParticipantToken{Capabilities: []ivsrealtime.Capability{publish, subscribe}, UserID: "ann", Attributes: map[string]string{"displayName": "Ann"}, ExpirationTime: at.Add(time.Hour)},
		},
		{Name: ivsrealtime.EventReplicationStarted, DestinationStageARN: annex, DestinationSessionID: session},
		{Name: ivsrealtime.EventReplicationStopped, DestinationStageARN: annex, DestinationSessionID: session},
		{Name: ivsrealtime.EventPublishStopped},
		{Name: ivsrealtime.EventLeft},
	} {
		e.ParticipantID, e.EventTime = speaker, at.Add(time.Duration(i)*time.Minute)
		if err := tx.RecordEvent(store.ParticipantRef{StageARN: w.text("hall"), SessionID: w.text("session"), ParticipantID: speaker}, e); err != nil {
			return err
		}
	}
	return nil
}

// compositions have ended. One is shown for five minutes after its end, so
// that lies a little ahead: the suite must not race it.
func (w *environment) compositions(tx *store.Tx, name func(string, arn.Type) string) error {
	end := time.Now().Add(time.Hour)
	for _, c := range []struct {
		variable, stage string
		state           ivsrealtime.CompositionState
		destination     ivsrealtime.DestinationState
	}{
		{"composition1", "hall", ivsrealtime.CompositionStopped, ivsrealtime.DestinationStopped},
		{"composition2", "annex1", ivsrealtime.CompositionFailed, ivsrealtime.DestinationFailed},
		{"composition", "hall", ivsrealtime.CompositionStopped, ivsrealtime.DestinationStopped},
	} {
		start := end.Add(-2 * time.Hour)
		err := tx.Compositions().Create(&ivsrealtime.Composition{
			ARN: name(c.variable, arn.Composition), StageARN: w.text(c.stage), State: c.state, StartTime: start, EndTime: end, Tags: map[string]string{"team": "red"},
			Layout: &ivsrealtime.LayoutConfiguration{Grid: &ivsrealtime.GridConfiguration{
				VideoAspectRatio: ivsrealtime.AspectVideo, GridGap: new(2), VideoFillMode: new(ivsrealtime.VideoFillMode("")),
			}},
			Destinations: []ivsrealtime.Destination{{
				ID: arn.NewID(), State: c.destination, StartTime: start, EndTime: end,
				Configuration: &ivsrealtime.DestinationConfiguration{Name: "tape", S3: &ivsrealtime.S3DestinationConfiguration{
					StorageConfigurationARN: w.text("seededStorage"), EncoderConfigurationARNs: []string{w.text("seededEncoder")},
					RecordingConfiguration: &ivsrealtime.RecordingConfiguration{
						Format: ivsrealtime.RecordingHLS, HLSConfiguration: &ivsrealtime.CompositionRecordingHLSConfiguration{TargetSegmentDurationSeconds: new(2)},
					},
					ThumbnailConfigurations: []ivsrealtime.CompositionThumbnailConfiguration{{
						TargetIntervalSeconds: new(60), Storage: []ivsrealtime.ThumbnailStorageType{ivsrealtime.ThumbnailSequential},
					}},
				}},
				Detail: &ivsrealtime.DestinationDetail{S3: &ivsrealtime.S3Detail{RecordingPrefix: "stage/composition/destination/composite"}},
			}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
