// Package telemetry is what a service tells its operators: the logger, the metrics registry, the health checks, and the
// handler that serves the last two. Each service has its own; nothing here is global, so several can run in one
// process.
//
// The package defines no metrics: each package makes its own on the registry it is given.
package telemetry
