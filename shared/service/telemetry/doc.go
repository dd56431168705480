// Package telemetry tells operators about a service: the logger, the metrics registry, the health checks, and the
// handler that serves the last two. Each service has its own. Nothing here is global, so several services can run in
// one process.
//
// The package defines no metrics. Each package makes its own on the registry it is given.
package telemetry
