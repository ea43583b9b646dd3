package stage

import (
	"errors"
	"testing"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/token"
)

func TestQuotas_CountUpToTheLimitOfAnAccountInARegion(t *testing.T) {
	here, elsewhere := store.Owner{Account: "1", Region: "eu-west-1"}, store.Owner{Account: "1", Region: "us-east-1"}
	publisher, subscription := usage{publishers: 1}, usage{subscriptions: 1}
	type step struct {
		owner   store.Owner
		add     usage
		acquire bool // else release
		ok      bool
	}
	for name, c := range map[string]struct {
		limits Limits
		steps  []step
	}{
		"publishers": {Limits{Publishers: 2}, []step{
			{here, publisher, true, true}, {here, publisher, true, true}, {here, publisher, true, false},
			{here, subscription, true, true},   // without a limit
			{elsewhere, publisher, true, true}, // counted apart
			{here, publisher, false, true}, {here, publisher, true, true}, {here, publisher, true, false},
		}},
		"subscriptions": {Limits{Subscriptions: 2}, []step{
			{here, subscription, true, true}, {here, subscription, true, true}, {here, subscription, true, false},
			{here, publisher, true, true},
			{here, subscription, false, true}, {here, subscription, true, true}, {here, subscription, true, false},
		}},
		"what is refused counts for nothing": {Limits{Publishers: 1, Subscriptions: 1}, []step{
			{here, usage{publishers: 1, subscriptions: 2}, true, false}, {here, usage{publishers: 2, subscriptions: 1}, true, false},
			{here, usage{1, 1}, true, true}, {here, publisher, true, false}, {here, subscription, true, false},
		}},
		"a full account gets more of the other": {Limits{Publishers: 1, Subscriptions: 3}, []step{
			{here, publisher, true, true}, {here, usage{subscriptions: 3}, true, true}, {here, subscription, true, false}, {here, publisher, true, false},
		}},
		"no limit": {Limits{}, []step{{here, usage{1000, 1000}, true, true}, {here, usage{1000, 1000}, true, true}}},
	} {
		q := newQuotas(c.limits)
		for i, s := range c.steps {
			if !s.acquire {
				q.release(s.owner, s.add)
			} else if got := q.acquire(s.owner, s.add); got != s.ok {
				t.Errorf("%s: step %d acquires %+v: %t, expected %t", name, i, s.add, got, s.ok)
			}
		}
	}
}

func TestQuotas_ForgetAnAccountThatUsesNothing(t *testing.T) {
	q := newQuotas(Limits{Publishers: 5})
	o := store.Owner{Account: "1", Region: "eu-west-1"}
	for _, c := range []struct {
		acquire, release usage
		accounts         int
	}{{usage{2, 1}, usage{1, 0}, 1}, {usage{}, usage{1, 0}, 1}, {usage{}, usage{0, 1}, 0}, {usage{0, 2}, usage{0, 2}, 0}} {
		q.acquire(o, c.acquire)
		if q.release(o, c.release); len(q.usage) != c.accounts {
			t.Errorf("%d accounts after +%+v -%+v, expected %d", len(q.usage), c.acquire, c.release, c.accounts)
		}
	}
}

func TestQuotas_ExceedOnlyWhenMoreIsAsked(t *testing.T) {
	for _, c := range []struct {
		n, add, limit int
		want          bool
	}{{4, 1, 5, false}, {5, 1, 5, true}, {3, 2, 5, false}, {4, 2, 5, true}, {6, 0, 5, false}, {6, 1, 0, false}, {0, 1, 1, false}, {1, 1, 1, true}} {
		if got := exceeds(c.n, c.add, c.limit); got != c.want {
			t.Errorf("%d and %d of %d: %t, expected %t", c.n, c.add, c.limit, got, c.want)
		}
	}
}

// newSlots returns a session of limits in which nobody is.
func newSlots(l Limits) *Session {
	return &Session{registry: &Registry{cfg: Config{Limits: l}, quotas: newQuotas(l)}, owner: store.Owner{Account: "1", Region: "eu-west-1"}}
}

func TestSlots_PublicationsOfAParticipantTakeOne(t *testing.T) {
	for name, limits := range map[string]Limits{"of the stage": {StagePublishers: 2}, "of the account": {Publishers: 2}} {
		s := newSlots(limits)
		var a, b, c participant
		publish := func(p *participant, ok bool) {
			t.Helper()
			if err := s.acquirePublishSlot(p); (err == nil) != ok {
				t.Errorf("%s: %v, expected a slot %t", name, err, ok)
			}
		}
		end := func(p *participant) { s.releaseSlot(&Connection{owner: p, publisher: new(sfu.Publisher)}) }
		publish(&a, true)
		publish(&a, true) // replaces the first, which still ends
		publish(&b, true)
		publish(&c, false)
		end(&a)
		publish(&c, false)
		end(&a)
		publish(&c, true)
		publish(&a, false)
		if s.publishers != 2 || s.registry.quotas.usage[s.owner] != (usage{publishers: 2}) {
			t.Errorf("%s: %d publishers, of the account %+v, expected 2", name, s.publishers, s.registry.quotas.usage)
		}
		end(&b)
		end(&c)
		if s.publishers != 0 || len(s.registry.quotas.usage) != 0 {
			t.Errorf("%s: %d publishers at the end, of the account %+v", name, s.publishers, s.registry.quotas.usage)
		}
	}
}

func TestSlots_AParticipantsSubscriptionsAreOneSubscriberOfTheStage(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		third  bool // whether a gets a third subscription
		other  bool // whether b gets one beside two of a
	}{
		{"no limit", Limits{}, true, true},
		{"one subscriber of the stage", Limits{StageSubscribers: 1}, true, false},
		{"two subscribers of the stage", Limits{StageSubscribers: 2}, true, true},
		{"two subscriptions of the account", Limits{Subscriptions: 2}, false, false},
		{"three subscriptions of the account", Limits{Subscriptions: 3}, true, true},
	} {
		s := newSlots(c.limits)
		var a, b participant
		subscribe := func(p *participant, ok bool) {
			t.Helper()
			if err := s.acquireSubscribeSlot(p); (err == nil) != ok {
				t.Fatalf("%s: %v, expected a slot %t", c.name, err, ok)
			}
		}
		end := func(p *participant) { s.releaseSlot(&Connection{owner: p}) }
		expect := func(subscribers, subscriptions int) {
			t.Helper()
			if s.subscribers != subscribers || s.subscriptions != subscriptions || s.registry.quotas.usage[s.owner] != (usage{subscriptions: subscriptions}) {
				t.Errorf("%s: %d subscribers with %d subscriptions, of the account %+v, expected %d with %d", c.name, s.subscribers, s.subscriptions, s.registry.quotas.usage, subscribers, subscriptions)
			}
		}
		subscribe(&a, true)
		subscribe(&a, true)
		expect(1, 2)
		if subscribe(&b, c.other); c.other {
			expect(2, 3)
			end(&b)
		}
		expect(1, 2)
		if subscribe(&a, c.third); c.third {
			expect(1, 3)
			end(&a)
		}
		end(&a)
		expect(1, 1)
		end(&a)
		expect(0, 0)
		subscribe(&b, true)
		expect(1, 1)
	}
}

func TestSlots_ARefusalSaysWhenToTryAgain(t *testing.T) {
	s := newSlots(Limits{StagePublishers: 1, StageSubscribers: 1})
	var a, b participant
	if err := errors.Join(s.acquirePublishSlot(&a), s.acquireSubscribeSlot(&a)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.acquirePublishSlot(&b), s.acquireSubscribeSlot(&b)} {
		var refusal *authority.Refusal
		if !errors.As(err, &refusal) || refusal.Code != authority.StageAtCapacity || refusal.RetryAfter != 5*time.Second {
			t.Errorf("%#v, expected StageAtCapacity and a retry after 5 s", err)
		}
	}
}

func TestSlots_HiddenViewersAreNotCounted(t *testing.T) {
	s := newSlots(Limits{StageSubscribers: 1, Subscriptions: 1})
	hidden := participant{grant: authority.Grant{Claims: token.Claims{Hidden: true}}}
	var a participant
	for _, p := range []*participant{&hidden, &a, &hidden} {
		if err := s.acquireSubscribeSlot(p); err != nil {
			t.Error(err)
		}
	}
	s.releaseSubscribeSlot(&hidden)
	if s.subscribers != 1 || s.subscriptions != 1 || hidden.subscribeSlots != 0 {
		t.Errorf("%d subscribers with %d subscriptions, expected those of one participant", s.subscribers, s.subscriptions)
	}
}

func TestSlots_AnEndedSessionReleasesAll(t *testing.T) {
	s := newSlots(Limits{})
	other := newSlots(Limits{})
	other.registry = s.registry
	var a, b, c participant
	for _, err := range []error{s.acquirePublishSlot(&a), s.acquireSubscribeSlot(&a), s.acquireSubscribeSlot(&a), s.acquireSubscribeSlot(&b), other.acquirePublishSlot(&c), other.acquireSubscribeSlot(&c)} {
		if err != nil {
			t.Error(err)
		}
	}
	s.releaseAllSlots()
	if s.publishers != 0 || s.subscribers != 0 || s.subscriptions != 0 || s.registry.quotas.usage[s.owner] != (usage{1, 1}) {
		t.Errorf("left are %d, %d and %d, of the account %+v, expected what the other session uses", s.publishers, s.subscribers, s.subscriptions, s.registry.quotas.usage)
	}
}
