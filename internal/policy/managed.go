package policy

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed managed/*.json
var managedFiles embed.FS

// managed holds the built-in policies by name, parsed when first asked for.
var managed = sync.OnceValue(func() map[string]*Policy {
	files, err := managedFiles.ReadDir("managed")
	if err != nil {
		panic(fmt.Sprintf("read built-in policies: %v", err)) // they are part of the program
	}
	all := make(map[string]*Policy)
	for _, f := range files {
		document, err := managedFiles.ReadFile("managed/" + f.Name())
		if err == nil {
			all[strings.TrimSuffix(f.Name(), ".json")], err = Parse(document)
		}
		if err != nil {
			panic(fmt.Sprintf("built-in policy %s: %v", f.Name(), err))
		}
	}
	return all
})

// Managed returns a built-in policy, named as at AWS: IVSFullAccess allows
// all there is; IVSReadOnlyAccess allows to look, but hands out no channel's
// stream key.
func Managed(name string) (*Policy, bool) {
	p, ok := managed()[name]
	return p, ok
}

// ManagedNames returns the names of the built-in policies in alphabetical order.
func ManagedNames() []string {
	var names []string
	for name := range managed() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
