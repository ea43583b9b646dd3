package ivsrealtime_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"rostrum/ivsrealtime"
)

// paged serves three pages of two stages, and fails after the first when told.
func paged(t *testing.T, asked *[]map[string]any, fail bool) fake {
	return func(r *http.Request) (*http.Response, error) {
		body := bodyOf(t, r)
		*asked = append(*asked, body)
		page := 0
		if token, ok := body["nextToken"].(string); ok {
			fmt.Sscanf(token, "page%d", &page)
		}
		if fail && page == 1 {
			return refusal(400, ivsrealtime.ValidationFailed), nil
		}
		next := ""
		if page < 2 {
			next = fmt.Sprintf(`,"nextToken":"page%d"`, page+1)
		}
		return answer(200, fmt.Sprintf(`{"stages":[{"name":"%da"},{"name":"%db"}]%s}`, page, page, next)), nil
	}
}

func TestPages_IteratesOverAllPages(t *testing.T) {
	var asked []map[string]any
	client := built(t, builder(paged(t, &asked, false)))
	size := 2
	in := &ivsrealtime.ListStagesInput{MaxResults: &size}
	walk := client.Stages(context.Background(), in)
	for range 2 { // a walk begins anew each time
		asked = nil
		var names []string
		for s, err := range walk {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, s.Name)
		}
		if want := []string{"0a", "0b", "1a", "1b", "2a", "2b"}; !reflect.DeepEqual(names, want) {
			t.Errorf("got %v, expected %v", names, want)
		}
		want := []map[string]any{{"maxResults": 2.0}, {"maxResults": 2.0, "nextToken": "page1"}, {"maxResults": 2.0, "nextToken": "page2"}}
		if !reflect.DeepEqual(asked, want) {
			t.Errorf("asked %v, expected %v", asked, want)
		}
	}
	if in.NextToken != "" {
		t.Errorf("the input now has the token %q, expected it as it was", in.NextToken)
	}
}

func TestPages_RequestsNoMoreThanIsRead(t *testing.T) {
	var asked []map[string]any
	client := built(t, builder(paged(t, &asked, false)))
	for s, err := range client.Stages(context.Background(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Name == "0b" {
			break
		}
	}
	for range client.StagePages(context.Background(), &ivsrealtime.ListStagesInput{NextToken: "page1"}) {
		break
	}
	if len(asked) != 2 || asked[1]["nextToken"] != "page1" {
		t.Errorf("asked %v, expected one page each", asked)
	}
}

func TestPages_EndsWithTheFirstError(t *testing.T) {
	var asked []map[string]any
	client := built(t, builder(paged(t, &asked, true)))
	var names []string
	var failures []error
	for s, err := range client.Stages(context.Background(), nil) {
		if err != nil {
			failures = append(failures, err)
			continue
		}
		names = append(names, s.Name)
	}
	if len(names) != 2 || len(failures) != 1 || !errors.Is(failures[0], ivsrealtime.ValidationFailed) {
		t.Errorf("got %v and the errors %v, expected two stages and one error", names, failures)
	}
}

func TestPages_EndsAtARepeatedToken(t *testing.T) {
	f, asked := inTurn(with(func() *http.Response { return answer(200, `{"publicKeys":[{"arn":"a"}],"nextToken":"again"}`) }))
	n := 0
	var last error
	for _, err := range built(t, builder(f)).PublicKeys(context.Background(), nil) {
		n, last = n+1, err
	}
	if *asked != 2 || n != 3 || last == nil || !strings.Contains(last.Error(), `token "again" is to be followed by itself`) {
		t.Errorf("got %d items in %d requests and %v, expected the circle to be seen", n, *asked, last)
	}
}
