// Package fliptest flips single bits in the structure of a database file. It tests that the damage is found or does no
// harm.
package fliptest

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// Use opens the file at path as a service does, reads everything, writes to it and closes it. It returns what it read,
// and any error. It must not panic.
type Use func(t *testing.T, path string) (read string, err error)

const pageSize = 4096

// Run flips n bits of the file at path, or as many as ORDERTALLY_FLIPS says, one at a time. After each flip, check must
// find it or all reads must be as before.
func Run(t *testing.T, path string, n int, check boltdb.Checker, use Use) {
	t.Helper()
	if text := os.Getenv("ORDERTALLY_FLIPS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	sound, err := os.ReadFile(path) //nolint:gosec // a test's own
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(t.TempDir(), "sound.db")
	write(t, place, sound)
	if done, err := boltdb.CheckFile(t.Context(), place, check); err != nil || len(done.Faults) > 0 {
		t.Fatalf("before any flip: %.1000q %v", done.Faults, err)
	}
	want, err := use(t, place)
	if err != nil {
		t.Fatal(err)
	}
	write(t, place, sound)
	places := structure(sound)
	if len(places) == 0 {
		t.Fatal("there is no structure")
	}
	random := rand.New(rand.NewPCG(14, 59)) //nolint:gosec // repeatable
	refused, found, harmless := 0, 0, 0
	for i := range n {
		at := places[random.IntN(len(places))]
		bit := random.IntN(8)
		flipped := append([]byte(nil), sound...)
		flipped[at] ^= 1 << bit
		file := filepath.Join(t.TempDir(), strconv.Itoa(i)+".db") // a file that bbolt gave up on stays locked
		write(t, file, flipped)
		done, err := boltdb.CheckFile(t.Context(), file, check)
		if err != nil && !errors.Is(err, boltdb.ErrForeign) && !errors.Is(err, boltdb.ErrOldFormat) {
			t.Fatalf("byte %d, bit %d: %v", at, bit, err)
		}
		read, useErr := use(t, file)
		switch {
		case err != nil || len(done.Faults) > 0:
			found++
			if errors.Is(useErr, boltdb.ErrDamaged) && read == "" {
				refused++
			}
		case read != want || useErr != nil:
			t.Errorf(
				"byte %d of page %d, bit %d: check finds nothing, and reads differ (%v)",
				at%pageSize,
				at/pageSize,
				bit,
				useErr,
			)
		default:
			if err := soundForBbolt(file); err != nil {
				t.Errorf("byte %d of page %d, bit %d: check finds nothing, bbolt does: %v", at%pageSize, at/pageSize,
					bit,
					err)
			}
			harmless++
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf(
		"%d flips: %d found by check, %d of them refused or stopped before an answer, %d harmless",
		n,
		found,
		refused,
		harmless,
	)
}

// soundForBbolt returns what bbolt's own check finds wrong with the pages, after the service has written to the file.
func soundForBbolt(path string) error {
	db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	return errors.Join(db.View(func(tx *bbolt.Tx) (err error) {
		for fault := range tx.Check() {
			err = errors.Join(err, fault)
		}
		return err
	}), db.Close())
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// structure returns the positions of bytes that do not belong to records: meta pages, headers and tables of elements,
// keys of branches, the list of free pages.
func structure(file []byte) (places []int) {
	add := func(from, to int) {
		for i := from; i < to; i++ {
			places = append(places, i)
		}
	}
	for page := 0; page+pageSize <= len(file); page += pageSize {
		header := file[page:]
		id, flags, count := binary.NativeEndian.Uint64(
			header,
		), binary.NativeEndian.Uint16(
			header[8:],
		), int(
			binary.NativeEndian.Uint16(header[10:]),
		)
		if id != uint64(page/pageSize) {
			continue // continues the previous page, or was never used
		}
		table := min(16+16*count, pageSize)
		switch flags {
		case 0x01:
			add(page, page+min(table+20*count, pageSize))
		case 0x02:
			add(page, page+table)
		case 0x04:
			add(page, page+80)
		case 0x10:
			add(page, page+min(16+8*count, pageSize))
		}
	}
	return places
}
