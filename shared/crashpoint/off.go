//go:build !crash

// Package crashpoint names the instructions at which tests kill the process, to show that what is on disk then is
// always enough. Without the build tag "crash" a point costs nothing and does nothing.
package crashpoint

// Here marks the named point.
func Here(string) {}

// Arm chooses the point to be killed at.
func Arm(string) {}
