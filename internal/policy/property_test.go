package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A generator makes documents and requests that speak of each other often
// enough: all words are from a few.
type generator struct{ *rand.Rand }

func (g generator) of(words ...string) string { return words[g.IntN(len(words))] }

func (g generator) arn() string {
	return strings.Join([]string{"arn", "aws", "ivs", g.of("us-east-1", "eu-west-1"), g.of("111", "222"),
		g.of("stage", "channel") + "/" + g.of("abc", "abd", "b")}, ":")
}

// pattern is an ARN, made wider a few times.
func (g generator) pattern() string {
	p := g.arn()
	for range g.IntN(4) {
		p = g.widen(p)
	}
	if g.IntN(8) == 0 {
		p = strings.Replace(p, "abc", "${aws:username}", 1)
	}
	return p
}

// widen makes a pattern of an ARN one that matches at least as much.
func (g generator) widen(pattern string) string {
	i := len("arn:") + g.IntN(len(pattern)-len("arn:"))
	switch g.IntN(5) {
	case 0: // a wildcard for a character
		if c := pattern[i]; c != ':' && c != '*' {
			return pattern[:i] + g.of("*", "?") + pattern[i+1:]
		}
	case 1: // a star where there may be nothing
		return pattern[:i] + "*" + pattern[i:]
	case 2: // a star for all the rest
		return pattern[:i] + "*"
	case 3: // a star for a few segments
		segments := strings.Split(pattern, ":")
		if first := 1 + g.IntN(len(segments)-1); first < len(segments)-1 {
			last := first + g.IntN(len(segments)-1-first)
			return strings.Join(slices.Replace(segments, first, last+1, "*"), ":")
		}
	case 4: // all the rest left out, where that means a star
		segments := strings.Split(pattern, ":")
		return strings.Join(segments[:min(len(segments), 3+g.IntN(4))], ":")
	}
	return pattern
}

func (g generator) action() string {
	return "ivs:" + g.of("Get", "List", "Delete") + g.of("Stage", "Channel")
}

func (g generator) condition() (operator, key string, values any) {
	switch g.IntN(5) {
	case 0:
		return g.of("IpAddress", "NotIpAddress"), "aws:SourceIp", g.of("10.0.0.0/8", "10.1.0.0/16", "::/0")
	case 1:
		return "Null", g.of("aws:username", "aws:TagKeys"), g.of("true", "false")
	case 2:
		return g.of("ForAllValues:", "ForAnyValue:", "") + g.of("StringEquals", "StringNotEquals"), "aws:TagKeys", []string{g.of("a", "b"), g.of("b", "${aws:username}")}
	case 3:
		return g.of("ArnLike", "ArnNotLike"), "aws:SourceArn", g.of("arn:aws:ivs:*:*:stage/*", "arn:aws:ivs:us-*:111:*/a?c", "*")
	}
	return g.of("StringLike", "StringNotLike") + g.of("", "IfExists"), "aws:username", g.of("a*", "ab?", "${aws:PrincipalTag/team, 'abc'}", "${aws:userid}")
}

// statement is of an effect; everything else in it is by chance.
func (g generator) statement(effect string) map[string]any {
	s := map[string]any{
		"Effect":                                    effect,
		g.of("Action", "Action", "NotAction"):       []string{g.of("*", "ivs:*", "ivs:Get*", "ivs:?istStage", g.action()), g.action()},
		g.of("Resource", "Resource", "NotResource"): []string{g.of("*", g.pattern()), g.pattern()},
	}
	if g.IntN(2) == 0 {
		operator, key, values := g.condition()
		s["Condition"] = map[string]any{operator: map[string]any{key: values}}
	}
	return s
}

func (g generator) statements() []map[string]any {
	var all []map[string]any
	for range 1 + g.IntN(4) {
		all = append(all, g.statement(g.of("Allow", "Allow", "Deny")))
	}
	return all
}

func (g generator) request() Request {
	c := new(Context)
	for _, circumstance := range [][]string{
		{"aws:username", "abc", "abd", "*", ""}, {"aws:userid", "abc"}, {"aws:SourceIp", "10.1.2.3", "10.2.0.1", "::1"},
		{"aws:SourceArn", g.arn(), g.arn()}, {"aws:TagKeys", "a", "b", "abc"}, {"aws:PrincipalTag/team", "abc", "red"},
	} {
		if g.IntN(3) > 0 {
			c.Add(circumstance[0], g.of(circumstance[1:]...))
		}
	}
	if g.IntN(3) == 0 {
		c.Add("aws:TagKeys", g.of("a", "b", "abc"))
	}
	return Request{Action: g.action(), Resource: g.of(g.arn(), g.arn(), "*"), Context: c}
}

func policyOf(t *testing.T, statements []map[string]any) (*Policy, string) {
	t.Helper()
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(document)), string(document)
}

// generated runs a test with many seeds, each of which it names when it fails.
func generated(t *testing.T, test func(t *testing.T, g generator)) {
	t.Helper()
	for seed := range uint64(400) {
		g := generator{rand.New(rand.NewPCG(seed, 12))}
		if !t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { test(t, g) }) {
			return
		}
	}
}

func TestEvaluate_AddingADenyNeverAllowsMore(t *testing.T) {
	taken := 0
	generated(t, func(t *testing.T, g generator) {
		statements := g.statements()
		before, was := policyOf(t, statements)
		after, is := policyOf(t, slices.Insert(slices.Clone(statements), g.IntN(len(statements)+1), g.statement("Deny")))
		for range 30 {
			r := g.request()
			allowed, now := Evaluate(r, before).Allowed(), Evaluate(r, after).Allowed()
			if now && !allowed {
				t.Fatalf("%+v is allowed by\n%s\nand not by\n%s", r, is, was)
			}
			if allowed && !now {
				taken++
			}
		}
	})
	if taken < 200 {
		t.Errorf("only %d requests were denied by a statement added: the test tries too little", taken)
	}
}

func TestEvaluate_RemovingAnAllowNeverAllowsMore(t *testing.T) {
	taken := 0
	generated(t, func(t *testing.T, g generator) {
		statements := append(g.statements(), g.statement("Allow"))
		before, was := policyOf(t, statements)
		allows := slices.DeleteFunc(slices.Clone(statements), func(s map[string]any) bool { return s["Effect"] == "Deny" })
		gone := allows[g.IntN(len(allows))]
		var after []*Policy
		is := "no policy"
		if rest := slices.DeleteFunc(slices.Clone(statements), func(s map[string]any) bool { return fmt.Sprint(s) == fmt.Sprint(gone) }); len(rest) > 0 {
			var p *Policy
			p, is = policyOf(t, rest)
			after = append(after, p)
		}
		for range 30 {
			r := g.request()
			allowed, now := Evaluate(r, before).Allowed(), Evaluate(r, after...).Allowed()
			if now && !allowed {
				t.Fatalf("%+v is allowed by\n%s\nand not by\n%s", r, is, was)
			}
			if allowed && !now {
				taken++
			}
		}
	})
	if taken < 200 {
		t.Errorf("only %d requests were denied by a statement removed: the test tries too little", taken)
	}
}

func TestArnPattern_WideningNeverMatchesLess(t *testing.T) {
	gained := 0
	generated(t, func(t *testing.T, g generator) {
		narrow := g.pattern()
		wide := g.widen(narrow)
		before, err := compileARN(narrow, true)
		if err != nil {
			t.Fatal(err)
		}
		after, err := compileARN(wide, true)
		if err != nil {
			t.Skip("the cut went through a variable")
		}
		for range 50 {
			r := g.request()
			was, is := before.matchResource(r.Resource, r.Context), after.matchResource(r.Resource, r.Context)
			if was == yes && is == no {
				t.Fatalf("%s matches %s, and %s does not", narrow, r.Resource, wide)
			}
			if was == no && is == yes {
				gained++
			}
		}
	})
	if gained < 200 {
		t.Errorf("only %d ARNs were matched by a pattern made wider: the test tries too little", gained)
	}
}

func TestEvaluate_WideningAPatternMovesOnlyItsWay(t *testing.T) {
	generated(t, func(t *testing.T, g generator) {
		narrow := strings.ReplaceAll(g.pattern(), "${aws:username}", "abc")
		wide := g.widen(narrow)
		evaluate := func(effect, element, pattern string, r Request) Outcome {
			return Evaluate(r, parse(t, statementOf(effect, `"Action":"*","`+element+`":"`+pattern+`"`))).Outcome
		}
		for range 5 {
			r := g.request()
			for effect, outcome := range map[string]Outcome{"Allow": Allowed, "Deny": ExplicitDeny} {
				if evaluate(effect, "Resource", narrow, r) == outcome && evaluate(effect, "Resource", wide, r) != outcome {
					t.Fatalf("%s of Resource %s applies to %s, and of %s does not", effect, narrow, r.Resource, wide)
				}
				if evaluate(effect, "NotResource", wide, r) == outcome && evaluate(effect, "NotResource", narrow, r) != outcome {
					t.Fatalf("%s of NotResource %s applies to %s, and of %s does not", effect, wide, r.Resource, narrow)
				}
			}
		}
	})
}
