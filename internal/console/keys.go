package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"rostrum/internal/control"
	"rostrum/internal/operator"
	"rostrum/internal/policy"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

const (
	maxUserName    = 64
	maxKeyPolicies = 10
	maxKeyTags     = 50
)

// mayAdminister reports whether a caller may manage the access keys of its account: only a
// key that policies do not limit may, because every other could make itself one.
func mayAdminister(c control.Caller) bool { return c.Policies == nil }

// forAdministrators passes on the requests of keys that may manage access keys.
func (s *Server) forAdministrators(next func(http.ResponseWriter, *http.Request, control.Caller) error) http.HandlerFunc {
	return s.forCallers(mayAdminister, "Access keys are managed by keys of the account without policies.", next)
}

// forOperators passes on the requests of those who run this server.
func (s *Server) forOperators(next func(http.ResponseWriter, *http.Request, control.Caller) error) http.HandlerFunc {
	return s.forCallers(s.seesNode, "This is for access keys of the server's own account without policies.", next)
}

func (s *Server) forCallers(may func(control.Caller) bool, refusal string, next func(http.ResponseWriter, *http.Request, control.Caller) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, caller, err := s.caller(r)
		if err == nil && !may(caller) {
			err = ivsrealtime.Errorf(ivsrealtime.AccessDenied, "%s", refusal)
		}
		if err == nil {
			err = next(w, r, caller)
		}
		if err != nil {
			refuse(w, err)
		}
	}
}

// A keySettings is what can be chosen of an access key.
type keySettings struct {
	User     string            `json:"user"`
	Policies []json.RawMessage `json:"policies"` // documents, or names of built-in policies
	// Unrestricted keys have no policies and may do all in their account. It is said in so many
	// words: an empty list could also mean a key that may do nothing.
	Unrestricted bool              `json:"unrestricted"`
	Tags         map[string]string `json:"tags"`
	Expires      time.Time         `json:"expires"` // zero: never
}

// readKeySettings reads and checks the settings of a key.
func readKeySettings(w http.ResponseWriter, r *http.Request) (in keySettings, err error) {
	if err := readJSON(w, r, &in); err != nil {
		return in, err
	}
	switch {
	case in.User == "" || len(in.User) > maxUserName:
		return in, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "user: a name has 1 to %d bytes", maxUserName)
	case in.Unrestricted && len(in.Policies) > 0:
		return in, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "unrestricted: a key with policies is bound by them")
	case !in.Unrestricted && len(in.Policies) == 0:
		return in, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "policies: name at least one, or set unrestricted for a key that may do all in its account")
	case len(in.Policies) > maxKeyPolicies:
		return in, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "policies: a key has at most %d", maxKeyPolicies)
	case len(in.Tags) > maxKeyTags:
		return in, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "tags: a key has at most %d", maxKeyTags)
	case !in.Expires.IsZero() && !time.Now().Before(in.Expires):
		return in, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "expires: the time is past")
	}
	for i, document := range in.Policies {
		if in.Policies[i], err = readPolicy(document); err != nil {
			return in, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "policy %d: %v", i+1, err)
		}
	}
	return in, nil
}

// readPolicy returns a document that is valid, or the built-in one of a name.
func readPolicy(text json.RawMessage) (json.RawMessage, error) {
	var name string
	if json.Unmarshal(text, &name) == nil {
		document, ok := policy.Managed(name)
		if !ok {
			return nil, errors.New("there is no built-in policy of this name")
		}
		return document, nil
	}
	_, err := policy.Parse(text)
	return text, err
}

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	keys, err := operator.List(r.Context(), s.config.Store, c.Account)
	if err == nil {
		answer(w, map[string]any{"keys": keys})
	}
	return err
}

// createKey answers with the secret of the new key, which is told only here.
func (s *Server) createKey(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	in, err := readKeySettings(w, r)
	if err != nil {
		return err
	}
	key := operator.NewKey(c.Account, in.User)
	key.Policies, key.PrincipalTags, key.Expires = in.Policies, in.Tags, in.Expires
	made, err := operator.Add(r.Context(), s.config.Store, key)
	if err != nil {
		return err
	}
	s.log.Info("access key created in the console", "accessKey", made.ID, "user", made.User, "by", c.AccessKeyID)
	answer(w, made)
	return nil
}

// errOwnKey keeps users from taking away their own right to undo what they do.
var errOwnKey = ivsrealtime.Errorf(ivsrealtime.Conflict, "You are signed in with this key: sign in with another to change it.")

// updateKey changes the user, the policies, the tags and the expiry of a key.
func (s *Server) updateKey(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	in, err := readKeySettings(w, r)
	if err != nil {
		return err
	}
	return s.changeKey(w, r, c, "changed", func(k *store.AccessKey) {
		k.UserName, k.Policies, k.PrincipalTags, k.Expires = in.User, in.Policies, in.Tags, in.Expires
	})
}

// revokeKey makes a key unusable for good.
func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	return s.changeKey(w, r, c, "revoked", func(k *store.AccessKey) {
		if k.Revoked.IsZero() {
			k.Revoked = time.Now()
		}
	})
}

func (s *Server) changeKey(w http.ResponseWriter, r *http.Request, c control.Caller, done string, change func(*store.AccessKey)) error {
	id := r.PathValue("id")
	if id == c.AccessKeyID {
		return errOwnKey
	}
	changed, err := operator.Update(r.Context(), s.config.Store, c.Account, id, change)
	if err != nil {
		return err
	}
	if !changed.Revoked.IsZero() {
		s.endSessionsOf(id)
	}
	s.log.Info("access key "+done+" in the console", "accessKey", id, "by", c.AccessKeyID)
	answer(w, changed)
	return nil
}

func (s *Server) deleteKey(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	id := r.PathValue("id")
	if id == c.AccessKeyID {
		return errOwnKey
	}
	if err := operator.Delete(r.Context(), s.config.Store, c.Account, id); err != nil {
		return err
	}
	s.endSessionsOf(id)
	s.log.Info("access key deleted in the console", "accessKey", id, "by", c.AccessKeyID)
	answer(w, struct{}{})
	return nil
}

func (s *Server) endSessionsOf(id string) {
	s.sessions.endIf(func(c credential) bool { return c.accessKeyID == id })
}

// explainKey answers whether a key may do something, and which statement decides.
func (s *Server) explainKey(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	var in struct {
		Action   string            `json:"action"`
		Resource string            `json:"resource"`
		Tags     map[string]string `json:"tags"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	id := r.PathValue("id")
	if _, err := operator.Find(r.Context(), s.config.Store, c.Account, id); err != nil {
		return err
	}
	verdict, err := control.Explain(r.Context(), s.config.Store, control.Question{Key: id, Action: in.Action, Resource: in.Resource, Region: c.Region, Tags: in.Tags})
	if errors.Is(err, control.ErrQuestion) {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%v", err)
	}
	if err == nil {
		answer(w, verdict)
	}
	return err
}

// describeActions lists the actions that policies may name.
func (s *Server) describeActions(w http.ResponseWriter, _ *http.Request, _ control.Caller) error {
	answer(w, map[string]any{"actions": control.Actions()})
	return nil
}
