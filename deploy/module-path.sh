#!/usr/bin/env bash
# usage: module-path.sh PATH
# Gives the Go module another path, such as example.com/video/rostrum: in go.mod, which is the one
# file that declares it, and in everything that imports its packages.
set -euo pipefail
cd "$(dirname "$0")/.."
old=$(go list -m)
git ls-files -z '*.go' '*.md' | xargs -0 sed -i -E "s#([\"\`])${old//./\\.}/(ivsrealtime|realtime|internal|cmd|test|examples|deploy|\.\.\.|[\"\`])#\1$1/\2#g; s#(go (get|install) )${old//./\\.}/#\1$1/#g"
git ls-files -z Makefile 'test/*.mjs' 'web/*.ts' | xargs -0 sed -i -E "s#\^${old//./\\.}/test/#^$1/test/#g"
go mod edit -module "$1"
gofmt -w $(git ls-files '*.go')
