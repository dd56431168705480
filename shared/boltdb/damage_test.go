package boltdb_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// filled makes a file of a few hundred pages and returns its bytes.
func filled(t *testing.T, path string) []byte {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx *boltdb.Tx) error { _, err := tx.CreateBucket(bucket); return err })
	write(t, db, func(tx *boltdb.Tx) error {
		for i := range 2000 {
			key := fmt.Append(nil, "key", 10_000+i)
			if err := tx.Bucket(bucket).Put(key, codec.Seal(key, make([]byte, 500))); err != nil {
				return err
			}
		}
		return nil
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// pagesOf returns the positions of the valid pages of a type.
func pagesOf(file []byte, flags uint16) (at []int) {
	for page := 0; page+4096 <= len(file); page += 4096 {
		if binary.NativeEndian.Uint64(file[page:]) == uint64(page/4096) &&
			binary.NativeEndian.Uint16(file[page+8:]) == flags {
			at = append(at, page)
		}
	}
	return at
}

func readAll(t *testing.T, db *boltdb.DB) error {
	t.Helper()
	return db.View(t.Context(), func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(
			func(key, sealed []byte) error { _, err := codec.Unseal(key, sealed); return err })
	})
}

// TestDB_ADamagedPageIsAnError meets a damaged page in a read and in a write. The error names the file and what was
// found. Nothing is served after it.
func TestDB_ADamagedPageIsAnError(t *testing.T) {
	for name, damage := range map[string]func(leaf []byte){
		"it calls itself another":       func(leaf []byte) { leaf[0] ^= 4 },
		"it is no leaf":                 func(leaf []byte) { leaf[8] = 0x40 },
		"a value is longer than a file": func(leaf []byte) { binary.NativeEndian.PutUint32(leaf[16+12:], 1<<31) },
	} {
		for _, how := range []string{"read", "write"} {
			t.Run(name+", "+how, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "test.db")
				file := filled(t, path)
				leaves := pagesOf(file, 2)
				damage(file[leaves[len(leaves)/2]:])
				if err := os.WriteFile(path, file, 0o600); err != nil {
					t.Fatal(err)
				}
				done, err := boltdb.CheckFile(t.Context(), path, anything)
				if err != nil || len(done.Faults) == 0 {
					t.Errorf("check: %v %v", done, err)
				}
				if _, err := boltdb.Compact(t.Context(), path, anything); !errors.Is(err, boltdb.ErrDamaged) {
					t.Errorf("compact: %v", err)
				}
				db, err := boltdb.Open(path, boltdb.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = db.Close() }()
				if how == "read" {
					err = readAll(t, db)
				} else {
					err = db.Write(t.Context(), func(tx *boltdb.Tx) error {
						for i := range 2000 {
							if err := tx.Bucket(bucket).Delete(fmt.Append(nil, "key", 10_000+i)); err != nil {
								return err
							}
						}
						return nil
					})
				}
				if !errors.Is(err, boltdb.ErrDamaged) || !strings.Contains(err.Error(), path) ||
					strings.Contains(err.Error(), "goroutine") {
					t.Fatalf("it said %v", err)
				}
				<-db.Failed()
				if err := db.Write(t.Context(), put("later")); !errors.Is(err, boltdb.ErrDamaged) {
					t.Errorf("a write afterwards: %v", err)
				}
			})
		}
	}
}

// TestOpen_RefusesDamageThatNothingCouldCatch tries a branch that leads to itself, a damaged meta page, and a page in
// use that is on the list of free pages.
func TestOpen_RefusesDamageThatNothingCouldCatch(t *testing.T) {
	for name, damage := range map[string]func(file []byte){
		"a branch leads to itself": func(file []byte) {
			at := pagesOf(file, 1)[0]
			binary.NativeEndian.PutUint64(file[at+16+8:], uint64(at/4096))
		},
		"the newest transaction is lost": func(file []byte) {
			newest := 0
			if binary.NativeEndian.Uint64(file[4096+16+48:]) > binary.NativeEndian.Uint64(file[16+48:]) {
				newest = 4096
			}
			file[newest+16+48] ^= 1
		},
		"a page is in use and free": func(file []byte) {
			list := pagesOf(file, 16)
			leaf := pagesOf(file, 2)[3]
			for _, at := range list {
				binary.NativeEndian.PutUint16(file[at+10:], 1)
				binary.NativeEndian.PutUint64(file[at+16:], uint64(leaf/4096))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			file := filled(t, path)
			damage(file)
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := boltdb.Open(path, boltdb.Options{})
			if err == nil {
				_ = db.Close()
			}
			if !errors.Is(err, boltdb.ErrDamaged) {
				t.Errorf("open: %v", err)
			}
		})
	}
}

// TestScrub_FindsADamagedRecord also checks that the record is reported until it is gone.
func TestScrub_FindsADamagedRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	_ = filled(t, path)
	var met []error
	db, err := boltdb.Open(path, boltdb.Options{OnIncident: func(err error) { met = append(met, err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	sealed := func(r *boltdb.Record) error {
		if r.IsBucket || r.Key == nil {
			return nil
		}
		_, err := codec.Unseal(r.Key, r.Value)
		return err
	}
	scrub := boltdb.NewScrub(db, sealed, 0, nil)
	if done, err := scrub.Once(t.Context()); err != nil || done.Faults != 0 || done.Records != 2001 ||
		db.CheckSound(t.Context()) != nil {
		t.Fatalf("a sound file: %+v %v %v", done, err, db.Incidents())
	}
	write(t, db, func(tx *boltdb.Tx) error { return tx.Bucket(bucket).Put([]byte("key11000"), []byte("no checksum")) })
	if done, err := scrub.Once(t.Context()); err != nil || done.Faults != 1 || len(met) != 1 ||
		!strings.Contains(met[0].Error(), "key11000") {
		t.Fatalf("a damaged record: %+v %v %v", done, err, met)
	}
	if err := db.CheckSound(t.Context()); err == nil || !strings.Contains(err.Error(), "key11000") {
		t.Errorf("readiness says %v", err)
	}
	write(t, db, func(tx *boltdb.Tx) error { return tx.Bucket(bucket).Delete([]byte("key11000")) })
	if done, err := scrub.Once(t.Context()); err != nil || done.Faults != 0 || db.CheckSound(t.Context()) != nil {
		t.Errorf("after it has gone: %+v %v %v", done, err, db.Incidents())
	}
}

const readOnlyChild = "BOLTDB_READ_ONLY_CHILD"

// TestDB_AReadOnlyFileSystemLeavesReads makes the kernel refuse a child process's writes for a while, as a file system
// does that turned read-only.
func TestDB_AReadOnlyFileSystemLeavesReads(t *testing.T) {
	if path := os.Getenv(readOnlyChild); path != "" {
		writeToReadOnly(t, path)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed: a read-only file system cannot be shown")
	}
	path := filepath.Join(t.TempDir(), "test.db")
	_ = filled(t, path)
	child := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-P", path, "-e", "trace=pwrite64",
		"-e", "inject=pwrite64:error=EROFS", os.Args[0], "-test.run=^TestDB_AReadOnlyFileSystemLeavesReads$", "-test.v")
	child.Env = append(os.Environ(), readOnlyChild+"="+path)
	if output, err := child.CombinedOutput(); err != nil || !strings.Contains(string(output), "reads went on") {
		t.Fatalf("the child failed: %v\n%s", err, output)
	}
}

func writeToReadOnly(t *testing.T, path string) {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := db.Write(t.Context(), put("new")); !errors.Is(err, boltdb.ErrReadOnly) {
			t.Fatalf("a write: %v", err)
		}
		if err := db.CheckWritable(t.Context()); !errors.Is(err, boltdb.ErrReadOnly) {
			t.Fatalf("readiness: %v", err)
		}
		if err := readAll(t, db); err != nil {
			t.Fatalf("a read: %v", err)
		}
	}
	if err := db.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("reads went on")
	_ = db.Close()
}
