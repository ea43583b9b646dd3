// Package seed makes a server have what a file says: stages, tokens, configurations, public
// keys, tags and test publishers. The entries of the file are the inputs of the API's Create
// operations, and may name other entries where the API wants an ARN. What exists is found by
// its name, so that a file can be applied any number of times.
package seed
