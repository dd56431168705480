// Package lifecycle starts and stops the parts of a service.
//
// A [Stack] holds named clean-ups and runs them in reverse order. A [Group] runs background parts, tells when one of
// them failed, and waits for all of them. Together they are a service's Start and Stop:
//
//	stack.Push("database", db.Close)
//	stack.Push("relay", group.Go("relay", relay.Run))
//	stack.Push("http", server.Stop)
//	...
//	select { case <-ctx.Done(): case <-group.Failed(): }
//	err := stack.Stop(deadline) // http, relay, database
//
// A [Restarter] restarts a part that panicked. A [Watchdog] knows how long a part has been in one step. The package
// starts nothing by itself and handles no signals.
package lifecycle
