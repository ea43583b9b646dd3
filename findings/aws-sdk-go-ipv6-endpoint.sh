#!/usr/bin/env bash
# The AWS SDK for Go v2 can't use an IPv6 endpoint whose default port is written out:
# http://[2001:db8::1]:80 (or https with :443) fails before anything is sent. It removes a
# default port before it signs, and the brackets with it, and then takes what is left,
# "2001:db8::1", for a host with too many ports. Without the port, and with any other port,
# it works; botocore takes all of them.
#
# Seen with service/ivsrealtime 1.30.0 on aws-sdk-go-v2 1.47.7, and boto3 1.44.8: "invalid
# endpoint host ... too many colons in address". Fails when an endpoint is used or refused
# that was not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
)

type printer struct{}

func (printer) Do(r *http.Request) (*http.Response, error) {
	fmt.Println("go", r.URL.Host, "is used")
	return nil, errors.New("not sent")
}

func main() {
	for _, endpoint := range []string{"http://[2001:db8::1]", "http://[2001:db8::1]:80", "https://[2001:db8::1]:443", "http://[2001:db8::1]:8080"} {
		client := ivsrealtime.New(ivsrealtime.Options{
			Region: "us-east-1", BaseEndpoint: aws.String(endpoint), HTTPClient: printer{},
			Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), Retryer: aws.NopRetryer{},
		})
		_, err := client.ListStages(context.Background(), nil)
		if strings.Contains(err.Error(), "invalid endpoint host") {
			fmt.Println("go", strings.SplitN(endpoint, "/", 3)[2], "is refused:", strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
}
GO
go mod init findings >/dev/null 2>&1
go get github.com/aws/aws-sdk-go-v2@v1.47.7 github.com/aws/aws-sdk-go-v2/service/ivsrealtime@v1.30.0 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go run . | tee seen
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check boto3==1.44.8
venv/bin/python - <<'PY' | tee -a seen
import boto3
from botocore.config import Config

for endpoint in "http://[2001:db8::1]", "http://[2001:db8::1]:80", "https://[2001:db8::1]:443", "http://[2001:db8::1]:8080":
    client = boto3.client("ivs-realtime", endpoint_url=endpoint, region_name="us-east-1",
                          aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret",
                          config=Config(retries={"total_max_attempts": 1}))

    def show(request, **_):
        raise SystemError(request.url.split("/")[2])

    client.meta.events.register("before-send", show)
    try:
        client.list_stages()
    except SystemError as e:
        print(f"python {e} is used")
PY
for endpoint in '[2001:db8::1]' '[2001:db8::1]:8080'; do
	grep -qxF "go $endpoint is used" seen
done
for endpoint in '[2001:db8::1]:80' '[2001:db8::1]:443'; do
	grep -F "go $endpoint is refused" seen | grep -q 'too many colons'
	grep -qxF "python $endpoint is used" seen
done
