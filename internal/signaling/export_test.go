package signaling

import "testing"

// Routes lists the door's table for the tests outside.
func Routes() (all [][2]string) {
	for _, r := range routes {
		all = append(all, [2]string{r.method, r.path})
	}
	return all
}

func TestRoutes_NoneIsWithoutAJudge(t *testing.T) {
	for _, r := range routes {
		if r.token == nil || r.judge == nil || r.serve == nil {
			t.Errorf("%s %s has no judge", r.method, r.path)
		}
	}
}
