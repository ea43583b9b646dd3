// Package cluster holds several nodes on one database to the promise that any of them answers
// any request: three processes on a real PostgreSQL.
package cluster
