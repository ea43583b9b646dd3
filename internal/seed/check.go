package seed

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

func typeOf(f *File) reflect.Type { return reflect.TypeOf(f).Elem() }

// checkNode checks that a value of the file has the type that it must have, so that an error
// names its line, its field and what to write.
func checkNode(n *yaml.Node, t reflect.Type, path string) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Tag == "!!null" {
		return nil // as if it were not there
	}
	switch t.Kind() {
	case reflect.Struct:
		return checkStruct(n, t, path)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return wrongType(n, path, "a list")
		}
		for i, member := range n.Content {
			if err := checkNode(member, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			return wrongType(n, path, "a mapping")
		}
		for i := 0; i < len(n.Content); i += 2 {
			if err := checkNode(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value)); err != nil {
				return err
			}
		}
	case reflect.String:
		if n.Tag != "!!str" {
			return wrongType(n, path, "text (put it in quotes)")
		}
	case reflect.Bool:
		if n.Tag != "!!bool" {
			return wrongType(n, path, "true or false")
		}
	case reflect.Int:
		if n.Tag != "!!int" {
			return wrongType(n, path, "a whole number")
		}
	case reflect.Float64:
		if n.Tag != "!!int" && n.Tag != "!!float" {
			return wrongType(n, path, "a number")
		}
	}
	return nil
}

// checkStruct checks the fields of a mapping.
func checkStruct(n *yaml.Node, t reflect.Type, path string) error {
	if n.Kind != yaml.MappingNode {
		return wrongType(n, path, "a mapping with "+strings.Join(namesOf(t), ", "))
	}
	known := fieldTypes(t)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		field, ok := known[key.Value]
		if !ok {
			return fmt.Errorf("line %d: %s: there is no such field; there are %s", key.Line, join(path, key.Value), strings.Join(namesOf(t), ", "))
		}
		if err := checkNode(n.Content[i+1], field, join(path, key.Value)); err != nil {
			return err
		}
	}
	return nil
}

func wrongType(n *yaml.Node, path, expected string) error {
	if path == "" {
		path = "the file"
	}
	return fmt.Errorf("line %d: %s must be %s", n.Line, path, expected)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fieldTypes are the fields of a struct, with those of embedded ones, by their names in JSON.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name := jsonName(f); name != "" {
			all[name] = f.Type
		}
	}
	return all
}

// namesOf are the names of the fields, in the order of their declaration.
func namesOf(t reflect.Type) (all []string) {
	for _, f := range reflect.VisibleFields(t) {
		if name := jsonName(f); name != "" {
			all = append(all, name)
		}
	}
	return all
}

func fieldNames(f *File) []string { return namesOf(typeOf(f)) }

// jsonName is empty for a field that JSON does not have.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if f.Anonymous || name == "-" {
		return ""
	}
	return name
}
