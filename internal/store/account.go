package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// An Account is a world of its own: its resources and keys are seen by no other.
type Account struct {
	ID      string // 12 digits
	Name    string
	Created time.Time
}

// An AccessKey lets a user of an account call the API.
type AccessKey struct {
	ID            string            `json:"-"`
	Account       string            `json:"-"`
	Secret        string            `json:"-"` // kept encrypted
	SessionToken  string            `json:"-"` // of temporary credentials; kept encrypted
	UserName      string            `json:"userName"`
	Policies      []json.RawMessage `json:"policies,omitempty"` // IAM policy documents
	PrincipalTags map[string]string `json:"principalTags,omitempty"`
	Created       time.Time         `json:"created,omitzero"`
	Expires       time.Time         `json:"expires,omitzero"` // zero: never
	Revoked       time.Time         `json:"revoked,omitzero"` // zero: good
}

// CreateAccount keeps a new account.
func (tx *Tx) CreateAccount(a Account) error {
	n, err := tx.exec(`INSERT INTO account (id, name, created) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`, a.ID, a.Name, a.Created.UnixMicro())
	if err != nil {
		return fmt.Errorf("create account %s: %w", a.ID, err)
	}
	if n == 0 {
		return conflict("Account %s exists already", a.ID)
	}
	return nil
}

// Accounts are all accounts, in the order of their ids.
func (tx *Tx) Accounts() ([]Account, error) {
	all, err := collect(tx, func(scan func(...any) error) (a Account, err error) {
		var created sql.NullInt64
		err = scan(&a.ID, &a.Name, &created)
		a.Created = moment(created)
		return a, err
	}, `SELECT id, name, created FROM account ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return all, nil
}

// CreateAccessKey keeps a new key of an account that exists.
func (tx *Tx) CreateAccessKey(k AccessKey) error {
	sealed, body, err := tx.encodeKey(k)
	if err != nil {
		return err
	}
	var id string
	found, err := tx.find([]any{&id}, `SELECT id FROM account WHERE id = $1`, k.Account)
	if err != nil {
		return fmt.Errorf("create access key %s: %w", k.ID, err)
	}
	if !found {
		return notFound("Account", k.Account)
	}
	n, err := tx.exec(`INSERT INTO access_key (id, account, seq, sealed, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
		k.ID, k.Account, tx.store.next(), sealed, body)
	if err != nil {
		return fmt.Errorf("create access key %s: %w", k.ID, err)
	}
	if n == 0 {
		return conflict("Access key %s exists already", k.ID)
	}
	return nil
}

// AccessKey finds a key, also one that is revoked or has expired.
func (tx *Tx) AccessKey(id string) (*AccessKey, error) {
	all, err := tx.accessKeys(`id = $1`+tx.lock("UPDATE"), id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, notFound("Access key", id)
	}
	return &all[0], nil
}

// AccessKeys are the keys of an account, oldest first.
func (tx *Tx) AccessKeys(account string) ([]AccessKey, error) {
	return tx.accessKeys(`account = $1 ORDER BY seq`, account)
}

// UpdateAccessKey changes a key by fn, which must leave its id and account alone.
func (tx *Tx) UpdateAccessKey(id string, fn func(k *AccessKey) error) error {
	k, err := tx.AccessKey(id)
	if err != nil {
		return err
	}
	if err := fn(k); err != nil {
		return err
	}
	sealed, body, err := tx.encodeKey(*k)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE access_key SET sealed = $2, body = $3 WHERE id = $1`, id, sealed, body)
	return one(n, err, "Access key", id)
}

// DeleteAccessKey deletes a key.
func (tx *Tx) DeleteAccessKey(id string) error {
	n, err := tx.exec(`DELETE FROM access_key WHERE id = $1`, id)
	return one(n, err, "Access key", id)
}

func (tx *Tx) accessKeys(where string, args ...any) ([]AccessKey, error) {
	all, err := collect(tx, func(scan func(...any) error) (k AccessKey, err error) {
		var sealed []byte
		var body string
		if err := scan(&k.ID, &k.Account, &sealed, &body); err != nil {
			return k, err
		}
		if err := json.Unmarshal([]byte(body), &k); err != nil {
			return k, err
		}
		text, err := tx.store.vault.open(keyPlace(k.ID), sealed)
		if err != nil {
			return k, err
		}
		var secrets [2]string
		err = json.Unmarshal(text, &secrets)
		k.Secret, k.SessionToken = secrets[0], secrets[1]
		return k, err
	}, `SELECT id, account, sealed, body FROM access_key WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read access keys: %w", err)
	}
	return all, nil
}

func (tx *Tx) encodeKey(k AccessKey) (sealed []byte, body string, err error) {
	text, err := json.Marshal([2]string{k.Secret, k.SessionToken})
	if err != nil {
		return nil, "", err
	}
	rest, err := json.Marshal(k)
	return tx.store.vault.seal(keyPlace(k.ID), text), string(rest), err
}

func keyPlace(id string) string { return "access key " + id }
