// Package store keeps all that outlives the process, in SQLite or PostgreSQL:
// resources, sessions and their history, accounts and secrets, and the outbox
// of events.
//
// All change goes through [Store.Write], which returns once the change is on
// disk; all reading through [Store.Read], which sees one moment. What a
// function given to Write does and the events it emits are one transaction:
// either all of it is kept or none.
//
//	err := s.Write(ctx, func(tx *store.Tx) error {
//		if err := tx.Stages().Create(&stage); err != nil {
//			return err
//		}
//		return tx.Emit(event.SessionStarted(stage.ARN, id, now))
//	})
//
// # Two databases
//
// The schema, the queries and the tests are the same for both; what differs is
// how a transaction comes about (sqlite.go, postgres.go). SQLite has one
// writer, which takes all writes that wait into one transaction, each under a
// savepoint of its own, and so pays one fsync for many callers. PostgreSQL runs
// ordinary transactions and repeats those that lost to another.
//
// # Resources
//
// A resource is a document: the API's own shape as JSON, beside the few columns
// that lists and look-ups need. A kind (kind.go) says which parts of its shape
// those are. Secrets within a shape are taken out and kept encrypted.
//
// # Live things
//
// A session, a connected participant, a resource that is held: each names the
// node that has it in its hands. Nodes say now and then that they live
// ([Tx.Beat]); what a dead one had open is found by its name and closed by
// whoever finds it, with the time it was last seen as the end.
//
// # Errors
//
// What isn't there is an [ivsrealtime.Error] of code ResourceNotFound, what
// exists already or is in use one of code Conflict. All others are faults of
// the store itself.
package store
