// Package backup copies a database file while it is in use, and turns a copy into a database file again.
//
// A backup is one file of four parts:
//
//	head      the line "ordertally-backup/1"
//	pages     a zstd stream of runs: number of the first page, number of pages, their bytes. A page may come again.
//	          A run of no pages is the last
//	manifest  JSON: what the backup is of, and the SHA-256 of the pages' part and of the database file
//	trailer   length and SHA-256 of the manifest, and the line "ordertally-end\n"
//
// [ReadManifest] reads the manifest without the pages. [Extract] trusts nothing that does not match both sums.
// [Service.Verify] also opens the database and checks every page and record of it.
//
// The sums find damage. They do not find a forger: keep backups where nobody else can write.
//
// The package knows neither orders nor statistics: a [Service] says what to count and how to check.
package backup
