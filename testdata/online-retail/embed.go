// Package onlineretail carries the three days of real orders that `make run` imports and the tests check figures of.
// README.md beside it says where they are from.
package onlineretail

import "embed"

// Files are the days, a CSV file each, named like 2010-12-01.csv.
//
//go:embed *.csv
var Files embed.FS
