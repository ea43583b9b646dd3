package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// publicModules are the modules that a program gets with each public package. Go takes no others
// of go.mod into a program, so that the packages need no modules of their own.
var publicModules = map[string][]string{
	"rostrum/ivsrealtime": {
		"github.com/aws/aws-sdk-go-v2", "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/credentials",
		"github.com/aws/aws-sdk-go-v2/feature/ec2/imds", "github.com/aws/aws-sdk-go-v2/internal/configsources",
		"github.com/aws/aws-sdk-go-v2/internal/endpoints/v2", "github.com/aws/aws-sdk-go-v2/internal/v4a",
		"github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding", "github.com/aws/aws-sdk-go-v2/service/internal/presigned-url",
		"github.com/aws/aws-sdk-go-v2/service/signin", "github.com/aws/aws-sdk-go-v2/service/sso",
		"github.com/aws/aws-sdk-go-v2/service/ssooidc", "github.com/aws/aws-sdk-go-v2/service/sts",
		"github.com/aws/smithy-go", "github.com/golang-jwt/jwt/v5", "github.com/google/uuid",
	},
	"rostrum/realtime": { // with those of ivsrealtime
		"github.com/abema/go-mp4", "github.com/bluenviron/mediacommon/v2", "github.com/coder/websocket",
		"github.com/pion/datachannel", "github.com/pion/dtls/v3", "github.com/pion/ice/v4", "github.com/pion/interceptor",
		"github.com/pion/logging", "github.com/pion/mdns/v2", "github.com/pion/randutil", "github.com/pion/rtcp", "github.com/pion/rtp",
		"github.com/pion/sctp", "github.com/pion/sdp/v3", "github.com/pion/srtp/v3", "github.com/pion/stun/v4",
		"github.com/pion/transport/v5", "github.com/pion/turn/v5", "github.com/pion/webrtc/v4", "github.com/wlynxg/anet",
		"golang.org/x/crypto", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/time",
	},
}

func TestPublicPackages_BringFewModules(t *testing.T) {
	for path, expected := range publicModules {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", path).Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		if path == "rostrum/realtime" {
			expected = append(slices.Clone(publicModules["rostrum/ivsrealtime"]), expected...)
		}
		found := slices.Compact(slices.Sorted(strings.FieldsSeq(string(out))))
		found = slices.DeleteFunc(found, func(m string) bool { return m == "rostrum" })
		for _, module := range found {
			if !slices.Contains(expected, module) {
				t.Errorf("%s brings the module %s to every program that imports it: is it worth that?", path, module)
			}
		}
		if len(found) < len(expected) {
			t.Errorf("%s brings %d modules of the %d that are listed: remove the others from the list", path, len(found), len(expected))
		}
	}
}
