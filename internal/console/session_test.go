package console

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSessions_EndWhenUnusedAndWhenOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sessions
		unused, left := s.open("AKIAALICE", "alice", hash{}, "eu-west-1")
		used, kept := s.open("AKIAALICE", "alice", hash{}, "eu-west-1")
		for age := time.Duration(0); age < maxAge; age += idleTime / 2 {
			if s.use(used) != kept {
				t.Fatalf("a used session has ended after %v", age)
			}
			time.Sleep(idleTime / 2)
		}
		synctest.Wait()
		for what, cookie := range map[string]string{"unused": unused, "old": used} {
			if s.use(cookie) != nil {
				t.Errorf("the session goes on that is %s", what)
			}
		}
		if left.live.Err() == nil || kept.live.Err() == nil {
			t.Error("their streams go on")
		}
		if len(s.byCookie) != 0 {
			t.Errorf("%d sessions are kept", len(s.byCookie))
		}
	})
}

func TestSessions_AreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sessions
		defer s.close()
		first, _ := s.open("AKIAALICE", "alice", hash{}, "eu-west-1")
		second, _ := s.open("AKIAALICE", "alice", hash{}, "eu-west-1")
		time.Sleep(time.Second)
		s.use(first)
		for range maxKeySessions - 1 {
			s.open("AKIAALICE", "alice", hash{}, "eu-west-1")
		}
		if s.use(first) == nil || s.use(second) != nil {
			t.Error("expected the session to end that was unused for longest")
		}
		for n := range 2 * maxSessions {
			s.open("AKIA"+string(rune('A'+n%100)), "mallory", hash{}, "eu-west-1")
		}
		if s.use(first) == nil {
			t.Error("the sessions of another account ended one")
		}
		if len(s.byCookie) > maxSessions {
			t.Errorf("%d sessions are open, expected at most %d", len(s.byCookie), maxSessions)
		}
	})
}

func TestLinks_AreBounded(t *testing.T) {
	var l links
	for range 10 * maxLinks {
		l.create("AKIAALICE")
	}
	last := l.create("AKIAALICE")
	if id, ok := l.redeem(last); id != "AKIAALICE" || !ok || len(l.byCode) > maxLinks {
		t.Errorf("the last link is good: %t; %d are kept", ok, len(l.byCode))
	}
}
