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
// with that key. It is valid until a time. region is the bucket's; empty for that of the server
// which the link is opened at.
func (l Links) Sign(region, bucket, prefix string, until time.Time) url.Values {
	expires := strconv.FormatInt(until.Unix(), 10)
	query := url.Values{"prefix": {prefix}, "expires": {expires}, "signature": {l.sum(region, bucket, prefix, expires)}}
	if region != "" {
		query.Set("region", region)
	}
	return query
}

// Allows reports whether the query of a link is valid for a file at a time.
func (l Links) Allows(bucket, key string, query url.Values, now time.Time) bool {
	prefix, expires := query.Get("prefix"), query.Get("expires")
	until, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || now.Unix() >= until || prefix == "" {
		return false
	}
	if subtle.ConstantTimeCompare([]byte(query.Get("signature")), []byte(l.sum(Region(query), bucket, prefix, expires))) != 1 {
		return false
	}
	return key == prefix || strings.HasPrefix(key, strings.TrimSuffix(prefix, "/")+"/")
}

// Region is that of the bucket of a link; empty for the server's.
func Region(query url.Values) string { return query.Get("region") }

func (l Links) sum(region, bucket, prefix, expires string) string {
	mac := hmac.New(sha256.New, l.key)
	if region != "" {
		bucket += "@" + region // no name of a bucket has that character
	}
	mac.Write([]byte(bucket + "\n" + expires + "\n" + prefix)) // the first two have no line feed
	return hex.EncodeToString(mac.Sum(nil))
}
