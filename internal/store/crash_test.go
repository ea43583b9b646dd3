package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

// crashChild names the environment variable that makes this test binary the
// child of the crash test: its value is the data directory to write to.
// crashURL names the one with the PostgreSQL database, if it is one.
const (
	crashChild = "ROSTRUM_STORE_CRASH_CHILD"
	crashURL   = "ROSTRUM_STORE_CRASH_URL"
)

// crashRounds names the one that sets how often the child is killed.
const crashRounds = "ROSTRUM_STORE_CRASH_ROUNDS"

// writeUntilKilled makes stages, each with a session and its event, and prints
// each one's ARN and session once the store says that they are durable. It ends
// with its parent.
func writeUntilKilled(c Config) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	s, err := Open(context.Background(), c)
	if err != nil {
		fmt.Println("fault", err)
		os.Exit(1)
	}
	for range 8 {
		go func() {
			for {
				session := Session{StageARN: newARN(arn.Stage, here), ID: arn.NewSessionID(), Start: time.Now(), Node: "child"}
				err := s.Write(context.Background(), func(tx *Tx) error {
					if err := tx.Stages().Create(&ivsrealtime.Stage{ARN: session.StageARN}); err != nil {
						return err
					}
					tx.Emit(event.SessionStarted(session.StageARN, session.ID, session.Start))
					return tx.OpenSession(session)
				})
				if err != nil {
					fmt.Println("fault", err)
					os.Exit(1)
				}
				fmt.Println("kept", session.StageARN, session.ID) // one write: never in pieces
			}
		}()
	}
	select {}
}

func TestWrite_IsNeverLostOnceAcknowledged(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	if n, err := strconv.Atoi(os.Getenv(crashRounds)); err == nil {
		rounds = n
	}
	for name, url := range map[string]func(*testing.T) string{
		"SQLite":     func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string { return postgres.Database(t) }, // or skipped
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{Dir: t.TempDir(), URL: url(t)}
			kept := map[string]string{} // stage ARN to session id
			for range rounds {
				writeAndKill(t, c, kept)
				checkAfterCrash(t, c, kept)
				if t.Failed() {
					return
				}
			}
			t.Logf("killed %d times, %d acknowledged writes are all there", rounds, len(kept))
		})
	}
}

// writeAndKill runs the child for a random while and adds to kept what it acknowledged.
func writeAndKill(t *testing.T, c Config, kept map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashChild+"="+c.Dir, crashURL+"="+c.URL)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // open as long as this process lives
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 3 || words[0] != "kept" {
			t.Errorf("the child says %q", lines.Text())
			break
		}
		kept[words[1]] = words[2]
		if kill == nil {
			kill = time.AfterFunc(rand.N(100*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	if kill == nil || t.Failed() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatal("the child ended without an acknowledged write")
	}
	_ = cmd.Wait() // killed: its error says so
}

// checkAfterCrash holds the database against what was acknowledged, and every
// session against its event.
func checkAfterCrash(t *testing.T, c Config, kept map[string]string) {
	t.Helper()
	s, err := Open(context.Background(), c)
	if err != nil {
		t.Fatalf("after a crash the store does not open: %v", err)
	}
	defer s.Close()
	read(t, s, func(tx *Tx) error {
		open, err := tx.OpenSessions("child")
		if err != nil {
			return err
		}
		sessions := map[string]string{}
		for _, session := range open {
			sessions[session.StageARN] = session.ID
		}
		for stage, session := range kept {
			if sessions[stage] != session {
				t.Errorf("session %s of %s was acknowledged and is lost", session, stage)
			}
		}
		told, after := map[string]bool{}, int64(0)
		for {
			events, err := tx.Events(EventQuery{After: after, Limit: 1000})
			if err != nil {
				return err
			}
			for _, e := range events {
				if e.Cursor <= after || told[e.StageARN] || sessions[e.StageARN] == "" {
					t.Errorf("event %d of %s after event %d: twice %v, session %q", e.Cursor, e.StageARN, after, told[e.StageARN], sessions[e.StageARN])
				}
				told[e.StageARN], after = true, e.Cursor
			}
			if len(events) < 1000 {
				break
			}
		}
		n, err := tx.Stages().Count(here)
		if len(told) != len(sessions) || n != len(sessions) {
			t.Errorf("%d sessions are open, %d events tell of them, the tally of stages is %d", len(sessions), len(told), n)
		}
		return err
	})
}
