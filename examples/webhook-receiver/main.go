// Command webhook-receiver is the receiver of docs/events.md. It prints each event of a
// webhook once, with ROSTRUM_WEBHOOK_SECRET as the secret that
// "rostrum targets add" printed.
package main

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// receiver begin
func receiver(secret string, handle func(event []byte) error) http.HandlerFunc {
	var seen sync.Map // ids that were handled; a real one keeps them in its database
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		timestamp := r.Header.Get("Rostrum-Timestamp")
		seconds, _ := strconv.ParseInt(timestamp, 10, 64)
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%s.%s", timestamp, body)
		ours, good := hex.EncodeToString(mac.Sum(nil)), false
		for part := range strings.SplitSeq(r.Header.Get("Rostrum-Signature"), ",") {
			_, theirs, _ := strings.Cut(part, "=")
			good = good || hmac.Equal([]byte(theirs), []byte(ours))
		}
		id := r.Header.Get("Rostrum-Event-Id")
		if err != nil || !good || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
			w.WriteHeader(http.StatusForbidden)
		} else if _, known := seen.Load(id); known {
			return // 200: it was taken before
		} else if handle(body) != nil {
			w.WriteHeader(http.StatusServiceUnavailable) // it comes again
		} else {
			seen.Store(id, true)
		}
	}
}

// receiver end

func main() {
	http.Handle("/", receiver(os.Getenv("ROSTRUM_WEBHOOK_SECRET"), func(event []byte) error {
		_, err := fmt.Println(string(event))
		return err
	}))
	log.Fatal(http.ListenAndServe(cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"), nil))
}
