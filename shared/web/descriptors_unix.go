//go:build unix

package web

import "syscall"

// reserve is how many of its descriptors a process keeps for other things than the connections of its API: its file,
// Kafka's connections, its log, and the listener of metrics and health, which must go on answering when the API has all
// the connections that it may have.
const reserve = 100

// affordable is how many connections of n the process has descriptors for, at least one.
func affordable(n int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > uint64(n)+reserve { //nolint:gosec // G115: it is positive
		return n
	}
	return max(int(limit.Cur)-reserve, 1) //nolint:gosec // G115: it is below n+reserve
}
