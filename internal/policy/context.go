package policy

import "strings"

// Context has the condition keys of a request, such as "aws:ResourceTag/team", with
// their values. The case of keys does not matter. The zero value is empty.
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

// Set replaces the values of key by one value.
func (c *Context) Set(key, value string) {
	delete(c.values, strings.ToLower(key))
	c.Add(key, value)
}

// Values returns the values of key.
func (c *Context) Values(key string) []string {
	return c.get(strings.ToLower(key))
}

// get returns the values of a key in lower case.
func (c *Context) get(key string) []string {
	if c == nil {
		return nil
	}
	return c.values[key]
}
