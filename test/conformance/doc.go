// Package conformance drives the real binary with the clients people use: the
// official AWS SDKs for Go, JavaScript, Python and Java, the AWS CLI, and the
// SDK of this module, each as its makers ship it.
//
// What they do is written once, as data, in scenario/: steps that name an
// operation, its input, and what must come back. A client is a small adapter
// (clients_test.go; python, javascript, java) that hands one call to its SDK
// and tells the answer. Between client and server stands an observer
// (wire_test.go), which holds every answer on the wire against the facts of the
// API: members, types, formats, headers, empty bodies.
//
// Without more, the clients written in Go run, which need nothing installed;
// make conformance installs the others and runs all of them; the AWS SDK for Rust only where
// cargo is installed.
package conformance
