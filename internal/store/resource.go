package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rostrum/internal/arn"
)

// An Owner is whose a resource is. Regions, like accounts, are separate worlds.
type Owner struct {
	Account string
	Region  string
}

// A Filter narrows a list of resources; its zero value shows all.
type Filter struct {
	State string   // only those in this state
	Name  string   // only those of this name
	Uses  []string // only those that use every one of these, by ARN
}

// Resources are the resources of one kind, seen through a transaction.
type Resources[T any] struct {
	tx   *Tx
	kind *kind[T]
}

// Get finds a resource by its ARN. In a write it can be changed by nobody else
// until the transaction ends.
func (r Resources[T]) Get(name string) (*T, error) {
	doc, _, err := r.get(name)
	return doc, err
}

// Create keeps a new resource, under the ARN that stands in it. What it uses
// must exist and belong to the same owner. A second resource of the same alias
// (a stream key, a fingerprint) is a conflict.
func (r Resources[T]) Create(doc *T) error {
	name := r.kind.arn(doc)
	owner, err := r.owner(name)
	if err != nil {
		return err
	}
	row, err := r.kind.encode(r.tx.store.vault, name, doc)
	if err != nil {
		return err
	}
	row.seq = r.tx.store.next()
	if _, err := r.tx.exec(`INSERT INTO resource (arn, account, region, kind, seq, state, living, expires, tags, sealed, body, name)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		name, owner.Account, owner.Region, string(r.kind.name), row.seq, row.state, row.living, row.expires, row.tags, row.sealed, row.body, row.name); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	if row.living {
		if err := r.tally(owner, 1); err != nil {
			return err
		}
	}
	return errors.Join(r.use(name, owner, row, nil), r.callAlso(name, row, nil))
}

// Update changes a resource by fn, which must leave its ARN alone.
func (r Resources[T]) Update(name string, fn func(doc *T) error) (*T, error) {
	doc, was, err := r.get(name)
	if err != nil {
		return nil, err
	}
	was.uses, was.aliases = r.kind.used(doc), r.kind.alsoCalled(r.tx.store.vault, doc)
	if err := fn(doc); err != nil {
		return nil, err
	}
	row, err := r.kind.encode(r.tx.store.vault, name, doc)
	if err != nil {
		return nil, err
	}
	row.seq = was.seq
	n, err := r.tx.exec(`UPDATE resource SET state = $2, living = $3, expires = $4, tags = $5, sealed = $6, body = $7, name = $8 WHERE arn = $1`,
		name, row.state, row.living, row.expires, row.tags, row.sealed, row.body, row.name)
	if err := one(n, err, string(r.kind.name), name); err != nil {
		return nil, err
	}
	owner, err := r.owner(name)
	if err != nil {
		return nil, err
	}
	if was.living && !row.living {
		if err := r.tally(owner, -1); err != nil {
			return nil, err
		}
	}
	return doc, errors.Join(r.use(name, owner, row, was), r.callAlso(name, row, was))
}

// Delete removes a resource. Whether others use it is for the caller to ask
// ([Tx.UserOf]); who still does keeps its ARN.
func (r Resources[T]) Delete(name string) error {
	_, was, err := r.get(name)
	if err != nil {
		return err
	}
	n, err := r.tx.exec(`DELETE FROM resource WHERE arn = $1`, name)
	if err := one(n, err, string(r.kind.name), name); err != nil {
		return err
	}
	if !was.living {
		return nil
	}
	owner, err := r.owner(name)
	if err != nil {
		return err
	}
	return r.tally(owner, -1)
}

// Count tells how many of an owner's resources live, without looking at them.
// Asked after Create, in its transaction, it is exact whoever else creates.
func (r Resources[T]) Count(o Owner) (int, error) {
	var n int
	_, err := r.tx.find([]any{&n}, `SELECT n FROM tally WHERE account = $1 AND region = $2 AND kind = $3`, o.Account, o.Region, string(r.kind.name))
	return n, err
}

// CountUsing tells how many living resources of this kind use another.
func (r Resources[T]) CountUsing(used string) (int, error) {
	var n int
	_, err := r.tx.find([]any{&n}, `SELECT COUNT(*) FROM usage WHERE used_arn = $1 AND kind = $2 AND living`, used, string(r.kind.name))
	return n, err
}

// List shows an owner's resources in the order of their kind: compositions
// newest first, all others oldest first. The position it returns leads to the
// next page; 0 ends the list.
func (r Resources[T]) List(o Owner, f Filter, p Page) ([]T, int64, error) {
	query, args := r.listing(o, f, p)
	all, err := collect(r.tx, func(scan func(...any) error) (paged[T], error) {
		var item paged[T]
		row, err := scanRow(scan)
		if err != nil {
			return item, err
		}
		item.seq = row.seq
		return item, r.kind.decode(r.tx.store.vault, row, &item.item)
	}, query, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list %ss: %w", r.kind.name, err)
	}
	items, next := turn(all, p)
	return items, next, nil
}

// listing writes the query of a list. It walks one index from the page's
// position on, so that a page costs the same at the end of a long list as at
// its beginning.
func (r Resources[T]) listing(o Owner, f Filter, p Page) (string, []any) {
	args := []any{o.Account, o.Region, string(r.kind.name), time.Now().UnixMicro(), p.Limit + 1}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	walk, from := "r", "resource r"
	where := "r.account = $1 AND r.region = $2 AND r.kind = $3 AND (r.expires IS NULL OR r.expires > $4)"
	if f.State != "" {
		where += " AND r.state = " + arg(f.State)
	}
	for i, used := range f.Uses {
		if i == 0 {
			walk, from = "u", "usage u JOIN resource r ON r.arn = u.user_arn"
			where += " AND u.kind = $3 AND u.used_arn = " + arg(used)
			continue
		}
		where += " AND EXISTS (SELECT 1 FROM usage x WHERE x.user_arn = r.arn AND x.used_arn = " + arg(used) + ")"
	}
	if f.Name != "" {
		where += " AND r.name = " + arg(f.Name)
	}
	order, after := walk+".seq", " > "
	if r.kind.newestFirst {
		order, after = walk+".seq DESC", " < "
	}
	if p.After != 0 {
		where += " AND " + walk + ".seq" + after + arg(p.After)
	}
	return "SELECT " + rowColumns + " FROM " + from + " WHERE " + where + " ORDER BY " + order + " LIMIT $5", args
}

// get reads a document and, beside it, the row it stands in.
func (r Resources[T]) get(name string) (*T, *row, error) {
	rows, err := collect(r.tx, scanRow, `SELECT `+rowColumns+` FROM resource r
		WHERE arn = $1 AND kind = $2 AND (expires IS NULL OR expires > $3)`+r.tx.lock("UPDATE"), name, string(r.kind.name), time.Now().UnixMicro())
	if err != nil {
		return nil, nil, fmt.Errorf("get %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, nil, notFound(r.kind.title, name)
	}
	doc := new(T)
	if err := r.kind.decode(r.tx.store.vault, rows[0], doc); err != nil {
		return nil, nil, err
	}
	return doc, rows[0], nil
}

// byAlias finds a resource by its second name.
func (r Resources[T]) byAlias(alias string) (*T, error) {
	var name string
	found, err := r.tx.find([]any{&name}, `SELECT arn FROM alias WHERE alias = $1`, alias)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", r.kind.name, err)
	}
	if !found {
		return nil, notFound(r.kind.title, "of this key")
	}
	return r.Get(name)
}

func (r Resources[T]) owner(name string) (Owner, error) {
	a, err := arn.Parse(name)
	if err != nil {
		return Owner{}, err
	}
	if a.Type != r.kind.name {
		return Owner{}, fmt.Errorf("%s is no %s", name, r.kind.name)
	}
	return Owner{Account: a.Account, Region: a.Region}, nil
}

func (r Resources[T]) tally(o Owner, n int) error {
	_, err := r.tx.exec(`INSERT INTO tally (account, region, kind, n) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account, region, kind) DO UPDATE SET n = tally.n + $4`, o.Account, o.Region, string(r.kind.name), n)
	if err != nil {
		return fmt.Errorf("count %ss: %w", r.kind.name, err)
	}
	return nil
}

// use writes down whom a resource uses now, where that differs from before.
func (r Resources[T]) use(name string, o Owner, now, was *row) error {
	if was == nil {
		was = &row{living: now.living}
	}
	for _, used := range was.uses {
		if !slices.Contains(now.uses, used) {
			if _, err := r.tx.exec(`DELETE FROM usage WHERE user_arn = $1 AND used_arn = $2`, name, used); err != nil {
				return fmt.Errorf("release %s: %w", used, err)
			}
		}
	}
	for _, used := range now.uses {
		if slices.Contains(was.uses, used) {
			continue
		}
		if err := r.tx.mustExist(used, o); err != nil {
			return err
		}
		if _, err := r.tx.exec(`INSERT INTO usage (user_arn, used_arn, kind, seq, living) VALUES ($1, $2, $3, $4, $5)`,
			name, used, string(r.kind.name), now.seq, now.living); err != nil {
			return fmt.Errorf("use %s: %w", used, err)
		}
	}
	if was.living != now.living {
		if _, err := r.tx.exec(`UPDATE usage SET living = $2 WHERE user_arn = $1`, name, now.living); err != nil {
			return fmt.Errorf("release what %s uses: %w", name, err)
		}
	}
	return nil
}

// mustExist holds a resource in being until the transaction ends.
func (tx *Tx) mustExist(name string, o Owner) error {
	var kind string
	found, err := tx.find([]any{&kind}, `SELECT kind FROM resource WHERE arn = $1 AND account = $2 AND region = $3`+tx.lock("SHARE"), name, o.Account, o.Region)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if !found {
		return notFound("resource", name)
	}
	return nil
}

// callAlso writes down the second names of a resource, where they differ from before.
func (r Resources[T]) callAlso(name string, now, was *row) error {
	if was == nil {
		was = &row{}
	}
	for _, alias := range was.aliases {
		if !slices.Contains(now.aliases, alias) {
			if _, err := r.tx.exec(`DELETE FROM alias WHERE alias = $1`, alias); err != nil {
				return fmt.Errorf("forget an alias of %s: %w", name, err)
			}
		}
	}
	for _, alias := range now.aliases {
		if slices.Contains(was.aliases, alias) {
			continue
		}
		n, err := r.tx.exec(`INSERT INTO alias (alias, arn) VALUES ($1, $2) ON CONFLICT (alias) DO NOTHING`, alias, name)
		if err != nil {
			return fmt.Errorf("note an alias of %s: %w", name, err)
		}
		if n == 0 {
			return conflict("a %s with the same key exists already", strings.ToLower(r.kind.title))
		}
	}
	return nil
}

// A row is a resource as the table has it.
type row struct {
	arn     string
	seq     int64
	state   string
	name    string
	living  bool
	expires sql.NullInt64
	tags    string
	sealed  []byte
	body    string

	uses    []string // by the document
	aliases []string
}

const rowColumns = `r.arn, r.seq, r.state, r.living, r.tags, r.sealed, r.body`

func scanRow(scan func(...any) error) (*row, error) {
	var r row
	return &r, scan(&r.arn, &r.seq, &r.state, &r.living, &r.tags, &r.sealed, &r.body)
}

// Tags are the tags of a resource of any kind.
func (tx *Tx) Tags(name string) (map[string]string, error) {
	var text string
	found, err := tx.find([]any{&text}, `SELECT tags FROM resource WHERE arn = $1 AND (expires IS NULL OR expires > $2)`+tx.lock("UPDATE"), name, time.Now().UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read tags of %s: %w", name, err)
	}
	if !found {
		return nil, notFound("resource", name)
	}
	tags := map[string]string{}
	return tags, json.Unmarshal([]byte(text), &tags)
}

// SetTags replaces the tags of a resource of any kind.
func (tx *Tx) SetTags(name string, tags map[string]string) error {
	text, err := json.Marshal(tags)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE resource SET tags = $2 WHERE arn = $1`, name, string(text))
	return one(n, err, "resource", name)
}

// UserOf names a living resource that uses this one, or nobody (""). The answer
// holds until the transaction ends.
func (tx *Tx) UserOf(name string) (string, error) {
	if tx.locks { // who begins to use it locks it, too
		if _, err := tx.names(`SELECT arn FROM resource WHERE arn = $1`+tx.lock("UPDATE"), name); err != nil {
			return "", fmt.Errorf("lock %s: %w", name, err)
		}
	}
	var user string
	_, err := tx.find([]any{&user}, `SELECT user_arn FROM usage WHERE used_arn = $1 AND living ORDER BY kind, seq LIMIT 1`, name)
	return user, err
}
