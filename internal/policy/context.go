package policy

import "strings"

// Context is the circumstances of a request: condition keys, such as
// "aws:ResourceTag/team", with their values. Keys are the same in any case.
// The zero value is an empty context, ready to use.
type Context struct {
	values map[string][]string // by lower-case key
}

// Add adds values to those key has. A key without values is a missing key.
func (c *Context) Add(key string, values ...string) {
	if len(values) == 0 {
		return
	}
	if c.values == nil {
		c.values = make(map[string][]string)
	}
	key = strings.ToLower(key)
	c.values[key] = append(c.values[key], values...)
}

// Set gives key this one value, in place of those it has.
func (c *Context) Set(key, value string) {
	delete(c.values, strings.ToLower(key))
	c.Add(key, value)
}

// Values returns what was added under key, in any case of its letters.
func (c *Context) Values(key string) []string {
	return c.get(strings.ToLower(key))
}

// get takes the key in lower case, as the compiled documents hold it.
func (c *Context) get(key string) []string {
	if c == nil {
		return nil
	}
	return c.values[key]
}
