//go:build !crash

// Package crashpoint names points in the program at which tests kill the process, to show that what is on disk is
// always enough. Without the build tag "crash" a point does nothing and costs nothing.
package crashpoint

// Here marks the named point.
func Here(string) {}

// Arm chooses the point at which the process is killed.
func Arm(string) {}
