package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/test/authority"
)

func TestEnv_NamesTheAuthorityOfAnOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	authority.SelfSigned(t, dir, "rostrum.example", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	cert := filepath.Join(dir, "cert.pem")
	data := filepath.Join(dir, "data")
	note(t, data)
	args := []string{"env", "--data-dir", data}
	plain, _, _ := finish(t, rostrum(t, args...))
	out, complaints, code := finish(t, rostrum(t, append(args, "--tls-cert", cert, "--tls-key", filepath.Join(dir, "key.pem"))...))
	if strings.Contains(plain, "AWS_CA_BUNDLE") || code != exitOK || !strings.Contains(out, "export AWS_CA_BUNDLE="+cert+"\n") && !strings.Contains(out, "export AWS_CA_BUNDLE='"+cert+"'\n") {
		t.Errorf("expected AWS_CA_BUNDLE with TLS alone, saw exit %d:\n%s\n%s%s", code, plain, out, complaints)
	}
}
