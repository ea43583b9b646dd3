package ivsrealtime_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"rostrum/ivsrealtime"
)

func TestValidate_NamesTheFieldTheProblemAndTheLimit(t *testing.T) {
	const destination = `{"channel":{"channelArn":"arn:aws:ivs:eu-west-1:111122223333:channel/a"}}`
	const recording = `{"s3":{"storageConfigurationArn":"arn:aws:ivs:eu-west-1:111122223333:storage-configuration/a","encoderConfigurationArns":["arn:aws:ivs:eu-west-1:111122223333:encoder-configuration/a"]}}`
	start := func(destinations ...string) string {
		return fmt.Sprintf(`{"stageArn":%q,"destinations":[%s]}`, stageARN, strings.Join(destinations, ","))
	}
	tags := func(n int) string {
		all := map[string]string{}
		for i := range n {
			all[fmt.Sprint(i)] = ""
		}
		data, _ := json.Marshal(map[string]any{"tags": all})
		return string(data)
	}
	for name, c := range map[string]struct {
		in   any
		json string
		want string // empty: all is well
	}{
		"nothing is required of a stage": {&ivsrealtime.CreateStageInput{}, `{}`, ""},
		"a name may be empty":            {&ivsrealtime.CreateStageInput{}, `{"name":""}`, ""},
		"a space in a name":              {&ivsrealtime.CreateStageInput{}, `{"name":"a b"}`, `name is "a b", must match [a-zA-Z0-9-_]*`},
		"a line break behind a name":     {&ivsrealtime.CreateStageInput{}, `{"name":"a\n"}`, `name is "a\n", must match [a-zA-Z0-9-_]*`},
		"128 characters":                 {&ivsrealtime.CreateStageInput{}, `{"name":"` + strings.Repeat("a", 128) + `"}`, ""},
		"129 characters":                 {&ivsrealtime.CreateStageInput{}, `{"name":"` + strings.Repeat("a", 129) + `"}`, "name has 129 characters, must have at most 128"},
		"characters, not bytes":          {&ivsrealtime.CreateParticipantTokenInput{}, fmt.Sprintf(`{"stageArn":%q,"userId":%q}`, stageARN, strings.Repeat("ü", 128)), ""},
		"an ARN that is missing":         {&ivsrealtime.GetStageInput{}, `{}`, "arn is missing, it is required"},
		"an ARN of another thing":        {&ivsrealtime.GetStageInput{}, `{"arn":"arn:aws:ivs:eu-west-1:1:channel/a"}`, `arn is "arn:aws:ivs:eu-west-1:1:channel/a", must match arn:aws:ivs:[a-z0-9-]+:[0-9]+:stage/[a-zA-Z0-9-]+`},
		"an ARN with more behind it":     {&ivsrealtime.GetStageInput{}, `{"arn":"` + stageARN + `/a-longer-tail"}`, `arn is "` + stageARN + `/a-longer-t…", must match arn:aws:ivs:[a-z0-9-]+:[0-9]+:stage/[a-zA-Z0-9-]+`},
		"a session id too short":         {&ivsrealtime.GetStageSessionInput{}, fmt.Sprintf(`{"stageArn":%q,"sessionId":"st-1"}`, stageARN), "sessionId has 4 characters, must have exactly 16"},
		"a page of none":                 {&ivsrealtime.ListStagesInput{}, `{"maxResults":0}`, "maxResults is 0, must be between 1 and 100"},
		"a page of too many":             {&ivsrealtime.ListStagesInput{}, `{"maxResults":101}`, "maxResults is 101, must be between 1 and 100"},
		"too many tokens":                {&ivsrealtime.CreateStageInput{}, `{"participantTokenConfigurations":[` + strings.TrimSuffix(strings.Repeat("{},", 13), ",") + `]}`, "participantTokenConfigurations has 13 items, must have at most 12"},
		"a field inside a list":          {&ivsrealtime.CreateStageInput{}, `{"participantTokenConfigurations":[{},{"duration":20161}]}`, "participantTokenConfigurations[1].duration is 20161, must be between 1 and 20160"},
		"a word not in a list":           {&ivsrealtime.CreateStageInput{}, `{"participantTokenConfigurations":[{"capabilities":["PUBLISH","LISTEN"]}]}`, `participantTokenConfigurations[0].capabilities[1] is "LISTEN", must be one of [PUBLISH, SUBSCRIBE]`},
		"attributes of 1 KB":             {&ivsrealtime.CreateStageInput{}, `{"participantTokenConfigurations":[{"attributes":{"k":"` + strings.Repeat("v", 1023) + `"}}]}`, ""},
		"attributes of more":             {&ivsrealtime.CreateStageInput{}, `{"participantTokenConfigurations":[{"attributes":{"k":"` + strings.Repeat("v", 1024) + `"}}]}`, "participantTokenConfigurations[0].attributes has keys and values of 1025 bytes in total, must have at most 1024"},
		"fifty tags":                     {&ivsrealtime.CreateStageInput{}, tags(50), ""},
		"fifty-one tags":                 {&ivsrealtime.CreateStageInput{}, tags(51), "tags has 51 entries, must have at most 50"},
		"an empty tag key":               {&ivsrealtime.CreateStageInput{}, `{"tags":{"":"v"}}`, `tags has the key "", which has 0 characters, must have at least 1`},
		"a tag of other letters":         {&ivsrealtime.CreateStageInput{}, `{"tags":{"Größe":"größer als 1 = +-@"}}`, ""},
		"a tag value too long":           {&ivsrealtime.CreateStageInput{}, `{"tags":{"k":"` + strings.Repeat("v", 257) + `"}}`, `tags["k"] has 257 characters, must have at most 256`},
		"an empty recording":             {&ivsrealtime.CreateStageInput{}, `{"autoParticipantRecordingConfiguration":{}}`, "autoParticipantRecordingConfiguration.storageConfigurationArn is missing, it is required"},
		"a recording switched off":       {&ivsrealtime.CreateStageInput{}, `{"autoParticipantRecordingConfiguration":{"storageConfigurationArn":""}}`, ""},
		"thumbnails stored twice":        {&ivsrealtime.CreateStageInput{}, `{"autoParticipantRecordingConfiguration":{"storageConfigurationArn":"","thumbnailConfiguration":{"storage":["LATEST","LATEST"]}}}`, "autoParticipantRecordingConfiguration.thumbnailConfiguration.storage has equal items at 0 and 1, must be unique"},
		"two filters":                    {&ivsrealtime.ListParticipantsInput{}, fmt.Sprintf(`{"stageArn":%q,"sessionId":"st-1234567890123","filterByUserId":"","filterByState":"CONNECTED"}`, stageARN), "2 of filterByUserId, filterByPublished, filterByState, filterByRecordingState are given, at most one is allowed"},
		"a filter by what is no filter":  {&ivsrealtime.ListParticipantsInput{}, fmt.Sprintf(`{"stageArn":%q,"sessionId":"st-1234567890123","filterByRecordingState":"DISABLED"}`, stageARN), `filterByRecordingState is "DISABLED", must be one of [STARTING, ACTIVE, STOPPING, STOPPED, FAILED]`},
		"an odd width":                   {&ivsrealtime.CreateEncoderConfigurationInput{}, `{"video":{"width":1279}}`, "video.width is 1279, must be even"},
		"a portrait":                     {&ivsrealtime.CreateEncoderConfigurationInput{}, `{"video":{"width":1080,"height":1920}}`, ""},
		"too many pixels":                {&ivsrealtime.CreateEncoderConfigurationInput{}, `{"video":{"width":1920,"height":1920}}`, "video width x height is 1920 x 1920 = 3686400, must be at most 2073600"},
		"too slow a picture":             {&ivsrealtime.CreateEncoderConfigurationInput{}, `{"video":{"framerate":0.5}}`, "video.framerate is 0.5, must be between 1 and 60"},
		"a bucket that is missing":       {&ivsrealtime.CreateStorageConfigurationInput{}, `{}`, "s3 is missing, it is required"},
		"a bucket without a name":        {&ivsrealtime.CreateStorageConfigurationInput{}, `{"s3":{}}`, "s3.bucketName is missing, it is required"},
		"a bucket in capitals":           {&ivsrealtime.CreateStorageConfigurationInput{}, `{"s3":{"bucketName":"Bucket"}}`, `s3.bucketName is "Bucket", must match [a-z0-9-.]+`},
		"no key":                         {&ivsrealtime.ImportPublicKeyInput{}, `{"publicKeyMaterial":"key"}`, `publicKeyMaterial is not a PEM public key, must match -----BEGIN PUBLIC KEY-----\r?\n([a-zA-Z0-9+/=\r\n]+)\r?\n-----END PUBLIC KEY-----(\r?\n)?`},
		"RTMP in the clear by mistake":   {&ivsrealtime.CreateIngestConfigurationInput{}, `{"ingestProtocol":"RTMP"}`, "insecureIngest is false, must be true when ingestProtocol is RTMP"},
		"a composition to a channel":     {&ivsrealtime.StartCompositionInput{}, start(destination), ""},
		"a composition to both":          {&ivsrealtime.StartCompositionInput{}, start(destination, recording), ""},
		"a composition to nowhere":       {&ivsrealtime.StartCompositionInput{}, start(), "destinations has 0 items, must have at least 1"},
		"a destination of no kind":       {&ivsrealtime.StartCompositionInput{}, start(`{"name":"d"}`), "destinations[0] has neither channel nor s3, must have exactly one of them"},
		"a destination twice":            {&ivsrealtime.StartCompositionInput{}, start(destination, destination), "destinations has equal items at 0 and 1, must be unique"},
		"two destinations of a kind":     {&ivsrealtime.StartCompositionInput{}, start(destination, strings.Replace(destination, "channel/a", "channel/b", 1)), "destinations has two of one kind, must have one destination, or one channel and one s3"},
		"a layout of two kinds":          {&ivsrealtime.StartCompositionInput{}, strings.Replace(start(destination), "{", `{"layout":{"grid":{},"pip":{}},`, 1), "layout has grid and pip, must have at most one of them"},
		"a gap of less than nothing":     {&ivsrealtime.StartCompositionInput{}, strings.Replace(start(destination), "{", `{"layout":{"grid":{"gridGap":-1}},`, 1), fmt.Sprintf("layout.grid.gridGap is -1, must be between 0 and %d", math.MaxInt32)},
		"a window too long":              {&ivsrealtime.StartParticipantReplicationInput{}, fmt.Sprintf(`{"sourceStageArn":%q,"destinationStageArn":%q,"participantId":"p","reconnectWindowSeconds":301}`, stageARN, stageARN), "reconnectWindowSeconds is 301, must be between 0 and 300"},
		"a token's participant":          {&ivsrealtime.DisconnectParticipantInput{}, fmt.Sprintf(`{"stageArn":%q,"participantId":"a_b"}`, stageARN), ""},
		"a session's participant":        {&ivsrealtime.ListParticipantEventsInput{}, fmt.Sprintf(`{"stageArn":%q,"sessionId":"st-1234567890123","participantId":"a.b"}`, stageARN), `participantId is "a.b", must match [a-zA-Z0-9-_]*`},
		"a stage taken off":              {&ivsrealtime.UpdateIngestConfigurationInput{}, `{"arn":"arn:aws:ivs:eu-west-1:1:ingest-configuration/a","stageArn":""}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := reflect.New(reflect.TypeOf(c.in).Elem()).Interface()
			if err := json.Unmarshal([]byte(c.json), in); err != nil {
				t.Fatal(err)
			}
			err := ivsrealtime.Validate(in)
			if c.want == "" {
				if err != nil {
					t.Errorf("got %v, expected all to be well", err)
				}
				return
			}
			var e *ivsrealtime.Error
			if !errors.As(err, &e) || e.Code != ivsrealtime.ValidationFailed || e.Message != c.want {
				t.Errorf("got %v\nexpected %s", err, c.want)
			}
		})
	}
}

func TestValidate_ChecksMembersOutsideTheBody(t *testing.T) {
	for want, in := range map[string]any{
		"resourceArn is missing, it is required": &ivsrealtime.ListTagsForResourceInput{},
		`resourceArn is "arn:aws:s3:::bucket", must match arn:aws:ivs:[a-z0-9-]+:[0-9]+:[a-z-]+/[a-zA-Z0-9-]+`: &ivsrealtime.TagResourceInput{ResourceARN: "arn:aws:s3:::bucket", Tags: map[string]string{}},
		"tagKeys is missing, it is required":                                                        &ivsrealtime.UntagResourceInput{ResourceARN: stageARN},
		"tagKeys[1] has 0 characters, must have at least 1":                                         &ivsrealtime.UntagResourceInput{ResourceARN: stageARN, TagKeys: []string{"a", ""}},
		"tagKeys has 51 items, must have at most 50":                                                &ivsrealtime.UntagResourceInput{ResourceARN: stageARN, TagKeys: make([]string, 51)},
		"tags is missing, it is required":                                                           &ivsrealtime.TagResourceInput{ResourceARN: stageARN},
		`tags has the key "a\x00b", which is "a\x00b", must match ` + `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`: &ivsrealtime.TagResourceInput{ResourceARN: stageARN, Tags: map[string]string{"a\x00b": ""}},
	} {
		var e *ivsrealtime.Error
		if err := ivsrealtime.Validate(in); !errors.As(err, &e) || e.Message != want {
			t.Errorf("got %v\nexpected %s", err, want)
		}
	}
}

// inputs are the types of all inputs.
func inputs() []reflect.Type {
	var all []reflect.Type
	for _, s := range ivsrealtime.Specs() {
		m, _ := reflect.TypeFor[*ivsrealtime.Client]().MethodByName(s.Name)
		all = append(all, m.Type.In(2).Elem())
	}
	return all
}

func FuzzValidate(f *testing.F) {
	f.Add(`{"name":"a","tags":{"k":"v"},"participantTokenConfigurations":[{"duration":1,"capabilities":["PUBLISH"]}]}`)
	f.Add(`{"stageArn":"arn:aws:ivs:r:1:stage/a","destinations":[{"channel":{"channelArn":"x"}},{"s3":{"encoderConfigurationArns":[""]}}],"layout":{"grid":{},"pip":{}}}`)
	f.Add(`{"arn":null,"video":{"width":9223372036854775807,"height":2,"framerate":1e308},"tags":{"":null}}`)
	f.Add(`{"attributes":{"\ufffd":"\ud800"},"maxResults":-0}`)
	types := inputs()
	f.Fuzz(func(t *testing.T, body string) {
		for _, in := range types {
			v := reflect.New(in)
			if json.Unmarshal([]byte(body), v.Interface()) != nil {
				continue
			}
			err := ivsrealtime.Validate(v.Interface())
			var e *ivsrealtime.Error
			if err != nil && (!errors.As(err, &e) || e.Code != ivsrealtime.ValidationFailed || e.Message == "" || !utf8.ValidString(e.Message) || len(e.Message) > 2000) {
				t.Errorf("%v of %q: got %v", in, body, err)
			}
			if again := ivsrealtime.Validate(v.Interface()); fmt.Sprint(again) != fmt.Sprint(err) {
				t.Errorf("%v of %q: got %v, then %v", in, body, err, again)
			}
		}
	})
}
