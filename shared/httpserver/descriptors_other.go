//go:build !unix

package httpserver

func affordable(n int) int { return n }
