package policy

import "embed"

//go:embed managed/*.json
var managed embed.FS

// Managed returns the document of a built-in policy, named as at AWS: IVSFullAccess
// allows all there is; IVSReadOnlyAccess allows to look, but hands out no channel's
// stream key.
func Managed(name string) (document []byte, ok bool) {
	document, err := managed.ReadFile("managed/" + name + ".json")
	return document, err == nil
}
