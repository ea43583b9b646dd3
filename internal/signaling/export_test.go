package signaling

import "testing"

// Routes lists method and path of all routes.
func Routes() (all [][2]string) {
	for _, r := range routes {
		if r.connect != nil { // for connection tokens: TestConnection_RefusesBadTokens
			continue
		}
		all = append(all, [2]string{r.method, r.path})
	}
	return all
}

func TestRoutes_AllAuthorize(t *testing.T) {
	for _, r := range routes {
		if r.token == nil || r.connect == nil && (r.authorize == nil || r.serve == nil) {
			t.Errorf("%s %s does not authorize", r.method, r.path)
		}
	}
}
