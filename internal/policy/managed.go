package policy

import "embed"

//go:embed managed/*.json
var managed embed.FS

// Managed returns the document of a built-in policy with the name of AWS:
// IVSFullAccess allows all actions; IVSReadOnlyAccess allows to read, except the
// stream keys of channels.
func Managed(name string) (document []byte, ok bool) {
	document, err := managed.ReadFile("managed/" + name + ".json")
	return document, err == nil
}
