package policy

import "strings"

// arnPattern is the pattern of an ARN, split at its colons into at most six
// segments. The last one matches all the rest of an ARN.
type arnPattern []template

const (
	arnSegments = 6
	minSegments = 3 // a pattern with fewer names no service
)

func compileARN(text string, variables bool) (arnPattern, error) {
	g := grammar{wild: true, variables: variables}
	var a arnPattern
	for len(a) < arnSegments-1 {
		colon := nextColon(text, variables)
		if colon < 0 {
			break
		}
		t, err := g.compile(text[:colon])
		if err != nil {
			return nil, err
		}
		a, text = append(a, t), text[colon+1:]
	}
	t, err := g.compile(text)
	return append(a, t), err
}

// nextColon returns the index of the first colon outside variables, or -1.
func nextColon(text string, variables bool) int {
	for i := 0; i < len(text); i++ {
		if variables && strings.HasPrefix(text[i:], "${") {
			name, _, ok := cutVariable(text[i+2:])
			if !ok {
				return -1
			}
			i += len("${") + len(name)
			continue
		}
		if text[i] == ':' {
			return i
		}
	}
	return -1
}

// matchSegments matches like ArnLike: segment by segment.
func (a arnPattern) matchSegments(arn string, ctx *Context) verdict {
	last := len(a) - 1
	for _, t := range a[:last] {
		pattern, ok := t.resolve(ctx)
		if !ok {
			return unresolved
		}
		segment, rest, ok := strings.Cut(arn, ":")
		if !ok || !glob(pattern, segment) {
			return no
		}
		arn = rest
	}
	pattern, ok := a[last].resolve(ctx)
	if !ok {
		return unresolved
	}
	return verdictOf(glob(pattern, arn))
}

// matchResource matches like Resource and NotResource: a star that ends a segment
// may match colons, and a pattern with fewer segments than the ARN matches its
// beginning.
func (a arnPattern) matchResource(arn string, ctx *Context) verdict {
	var few [8]int // mostly one start: no allocation
	starts := append(few[:0], 0)
	last := len(a) - 1
	for _, t := range a[:last] {
		pattern, ok := t.resolve(ctx)
		if !ok {
			return unresolved
		}
		starts = nextStarts(starts, arn, pattern, t.endsInStar())
		if len(starts) == 0 {
			return no
		}
	}
	pattern, ok := a[last].resolve(ctx)
	if !ok {
		return unresolved
	}
	for _, start := range starts {
		if glob(pattern, arn[start:]) {
			return yes
		}
	}
	incomplete := minSegments <= len(a) && len(a) < arnSegments
	return verdictOf(incomplete && len(nextStarts(starts, arn, pattern, false)) > 0)
}

// nextStarts returns where the next segment of arn can begin, given where the
// segment that pattern matches can begin, both in ascending order.
func nextStarts(starts []int, arn, pattern string, overColons bool) []int {
	next := starts[:0]
	for _, start := range starts {
		colon := strings.IndexByte(arn[start:], ':')
		if colon < 0 || !glob(pattern, arn[start:start+colon]) {
			continue
		}
		if overColons {
			return colonsFrom(next, arn, start+colon)
		}
		next = append(next, start+colon+1)
	}
	return next
}

// colonsFrom appends the index after each colon of arn from i on.
func colonsFrom(places []int, arn string, i int) []int {
	for ; i < len(arn); i++ {
		if arn[i] == ':' {
			places = append(places, i+1)
		}
	}
	return places
}

// everything reports whether a is the pattern "*".
func (a arnPattern) everything() bool {
	return len(a) == 1 && a[0].constant() && a[0][0].text == star
}
