//go:build !linux

package boltdb

func holder(string) string { return "" }
