//go:build unix

package web

import "syscall"

// reserve is how many file descriptors are kept for everything but the API's connections: the database file, Kafka, the
// log and the ops listener, which must answer even when the API has all its connections.
const reserve = 100

// affordable returns for how many of n connections the process has descriptors, at least 1.
func affordable(n int) int {
	var limit syscall.Rlimit
	//nolint:gosec // G115: it is positive
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > uint64(n)+reserve {
		return n
	}
	return max(int(limit.Cur)-reserve, 1) //nolint:gosec // G115: it is below n+reserve
}
