package bucket

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Links signs and checks links to files. A link is valid for all keys below a prefix, so
// that one is enough for a playlist and all files that it names.
type Links struct{ key []byte }

// NewLinks returns links that are signed with a secret key of 32 random bytes.
func NewLinks(key []byte) Links { return Links{key} }

// Sign returns the query of a link to all files below a folder of a bucket, or to the file
// with that key. It is valid until a time.
func (l Links) Sign(bucket, prefix string, until time.Time) url.Values {
	expires := strconv.FormatInt(until.Unix(), 10)
	return url.Values{"prefix": {prefix}, "expires": {expires}, "signature": {l.sum(bucket, prefix, expires)}}
}

// Allows reports whether the query of a link is valid for a file at a time.
func (l Links) Allows(bucket, key string, query url.Values, now time.Time) bool {
	prefix, expires := query.Get("prefix"), query.Get("expires")
	until, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || now.Unix() >= until || prefix == "" {
		return false
	}
	if subtle.ConstantTimeCompare([]byte(query.Get("signature")), []byte(l.sum(bucket, prefix, expires))) != 1 {
		return false
	}
	return key == prefix || strings.HasPrefix(key, strings.TrimSuffix(prefix, "/")+"/")
}

func (l Links) sum(bucket, prefix, expires string) string {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(bucket + "\n" + expires + "\n" + prefix)) // the first two have no line feed
	return hex.EncodeToString(mac.Sum(nil))
}
