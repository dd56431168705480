package backup_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	format   = boltdb.Format{Service: "test", Number: 3}
	accounts = []byte("accounts")
	journal  = []byte("journal")
)

const (
	numbers = 3000 // accounts
	balance = 100  // of each at the beginning
)

// bank is a service whose file has accounts with a constant sum, and a journal that only grows.
func bank() *backup.Service {
	return &backup.Service{
		Format: format,
		Check: func(r *boltdb.Record) error {
			if r.Key == nil {
				return whole(r.Tx)
			}
			if r.IsBucket {
				return nil
			}
			_, err := codec.Unseal(r.Key, r.Value)
			return err
		},
		Contents: func(tx *bbolt.Tx) (backup.Contents, error) {
			return backup.Contents{Identity: "bank", Counts: map[string]uint64{
				"accounts": backup.Records(tx.Bucket(accounts)), "journal": tx.Bucket(journal).Sequence(),
			}}, nil
		},
	}
}

// whole reports whether a file is of one moment.
func whole(tx *bbolt.Tx) error {
	sum := uint64(0)
	err := tx.Bucket(accounts).ForEach(func(key, sealed []byte) error {
		value, err := codec.Unseal(key, sealed)
		if err == nil {
			sum += binary.BigEndian.Uint64(value)
		}
		return err
	})
	if err == nil && sum != numbers*balance {
		err = fmt.Errorf("the accounts sum up to %d", sum)
	}
	if n := backup.Records(tx.Bucket(journal)); err == nil && n != tx.Bucket(journal).Sequence() {
		err = fmt.Errorf("the journal has %d entries of %d", n, tx.Bucket(journal).Sequence())
	}
	return err
}

func put(bucket *bbolt.Bucket, key uint64, value []byte) error {
	name := binary.BigEndian.AppendUint64(nil, key)
	return bucket.Put(name, codec.Seal(name, value))
}

func openBank(t testing.TB, path string) *boltdb.DB {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), func(tx *boltdb.Tx) error {
		if tx.Bucket(accounts) != nil {
			return nil
		}
		a, err := tx.CreateBucket(accounts)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucket(journal); err != nil {
			return err
		}
		for i := range uint64(numbers) {
			if err := put(a, i, account(balance)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// account is a balance in a record of some length.
func account(balance uint64) []byte {
	return append(binary.BigEndian.AppendUint64(nil, balance), make([]byte, 500)...)
}

// transfer moves one between two accounts, and enters it into the journal.
func transfer(tx *boltdb.Tx) error {
	a := tx.Bucket(accounts)
	move := func(number, by uint64) error {
		key := binary.BigEndian.AppendUint64(nil, number)
		value, err := codec.Unseal(key, a.Get(key))
		if err != nil {
			return err
		}
		return put(a, number, account(binary.BigEndian.Uint64(value)+by))
	}
	entry, err := tx.Bucket(journal).NextSequence()
	return errors.Join(err, move(rand.Uint64N(numbers), 1), move(rand.Uint64N(numbers), ^uint64(0)),
		put(tx.Bucket(journal), entry, []byte("moved one")))
}

// transferring moves until the test calls stop.
func transferring(t testing.TB, db *boltdb.DB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	for range cap(ended) {
		go func() {
			for ctx.Err() == nil {
				if err := db.Write(ctx, transfer); err != nil && ctx.Err() == nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	return func() {
		cancel()
		for range cap(ended) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
}

// saved makes a backup of a bank and returns its name.
func saved(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	db := openBank(t, filepath.Join(dir, "test.db"))
	stop := transferring(t, db)
	path := filepath.Join(dir, "a.backup")
	_, err := bank().Save(t.Context(), path, nil, func(w io.Writer) error {
		_, err := bank().Write(t.Context(), db, w)
		return err
	})
	stop()
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// busy is a writer that changes the file meanwhile.
type busy struct {
	io.Writer
	db *boltdb.DB
}

// Write implements io.Writer.
func (b busy) Write(text []byte) (int, error) {
	if err := b.db.Write(context.Background(), transfer); err != nil {
		return 0, err
	}
	return b.Writer.Write(text)
}

// TestService_ABackupUnderLoadIsOfOneMoment checks the sum of all accounts, and the journal, in backups that were made
// while both changed.
func TestService_ABackupUnderLoadIsOfOneMoment(t *testing.T) {
	dir := t.TempDir()
	db := openBank(t, filepath.Join(dir, "test.db"))
	stop := transferring(t, db)
	again := uint64(0)
	for i := range 8 {
		path := filepath.Join(dir, fmt.Sprint(i, ".backup"))
		var written backup.Result
		done, err := bank().Save(t.Context(), path, nil, func(w io.Writer) (err error) {
			written, err = bank().Write(t.Context(), db, busy{w, db})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		again += written.Copied.Again
		if done.Checked.Records < numbers || done.Counts["journal"] == 0 || done.SHA256 != written.SHA256 {
			t.Errorf("backup %d: %+v", i, done)
		}
	}
	stop()
	if again == 0 {
		t.Error("no page changed meanwhile: the test shows nothing")
	}
	t.Logf("%d pages were sent again", again)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestExtract_MakesTheDatabaseThatWasCopied(t *testing.T) {
	path := saved(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the backup: %v, %v", info, err)
	}
	to := filepath.Join(t.TempDir(), "new.db")
	m, err := backup.Extract(t.Context(), path, to)
	if err != nil || m.Service != "test" || m.Format != 3 || m.Identity != "bank" || m.Counts["accounts"] != numbers ||
		time.Since(m.TakenAt) > time.Minute {
		t.Fatalf("%+v, %v", m, err)
	}
	if read, err := backup.ReadManifest(path); err != nil || fmt.Sprint(read) != fmt.Sprint(m) {
		t.Errorf("the manifest by itself: %+v, %v", read, err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 || info.Size() != m.Bytes {
		t.Errorf("the database: %v, %v", info, err)
	}
	db := openBank(t, to)
	if err := errors.Join(db.Write(t.Context(), transfer), db.Close()); err != nil {
		t.Error(err)
	}
	if names, err := os.ReadDir(filepath.Dir(to)); err != nil || len(names) != 1 {
		t.Errorf("it left %v", names)
	}
}

// TestExtract_TakesADatabaseFile tries a sound one, one in use, a damaged one and what is none.
func TestExtract_TakesADatabaseFile(t *testing.T) {
	dir := t.TempDir()
	path, to := filepath.Join(dir, "test.db"), filepath.Join(dir, "new.db")
	db := openBank(t, path)
	if _, err := backup.Extract(t.Context(), path, to); !errors.Is(err, boltdb.ErrLocked) {
		t.Errorf("in use: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := backup.Extract(t.Context(), path, to)
	if err != nil || m.Bytes == 0 || m.SHA256 == "" || m.Service != "" {
		t.Fatalf("%+v, %v", m, err)
	}
	want, _ := os.ReadFile(path)
	got, err := os.ReadFile(to)
	if err != nil || !bytes.Equal(got, want[:len(got)]) || int64(len(got)) != m.Bytes {
		t.Errorf("it has %d bytes of %d, %v", len(got), len(want), err)
	}
	if _, err := backup.Extract(t.Context(), path, to); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	other := filepath.Join(dir, "other.db")
	for name, content := range map[string][]byte{
		"empty":     {},
		"no page":   []byte("a letter to a friend"),
		"truncated": want[:len(want)/2],
		"torn":      append(append([]byte{}, want[:40960]...), make([]byte, len(want)-40960)...),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Extract(t.Context(), path, other); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: it left a file", name)
		}
	}
}

// verified tells whether a backup is found sound. It tries it with what was read of it.
func verified(t *testing.T, content []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.backup")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, done, err := bank().Verify(t.Context(), path, filepath.Dir(path), nil)
	if err == nil && len(done.Faults) > 0 {
		err = errors.New(done.Faults[0])
	}
	if names, left := os.ReadDir(filepath.Dir(path)); left != nil || len(names) != 1 {
		t.Errorf("it left %v", names)
	}
	return err
}

// TestVerify_FindsEveryFlippedBit flips one bit at a time, anywhere in the file: 50 at random, and each bit of the
// manifest's first bytes and of the trailer.
func TestVerify_FindsEveryFlippedBit(t *testing.T) {
	sound, err := os.ReadFile(saved(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := verified(t, sound); err != nil {
		t.Fatal("before any flip: ", err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 16))
	places := []int{0, 5, 17, 18, 19} // head
	for range 50 {
		places = append(places, random.IntN(len(sound)))
	}
	for i := 1; i <= 400; i += 13 { // trailer and manifest
		places = append(places, len(sound)-i)
	}
	found := 0
	for _, at := range places {
		flipped := bytes.Clone(sound)
		flipped[at] ^= 1 << random.IntN(8)
		if err := verified(t, flipped); err == nil {
			t.Errorf("a bit of byte %d of %d was flipped: not found", at, len(sound))
			continue
		}
		found++
	}
	t.Logf("%d of %d flips were found", found, len(places))
}

func TestVerify_SaysWhatIsWrong(t *testing.T) {
	sound, err := os.ReadFile(saved(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 10, 20, 60, len(sound) / 2, len(sound) - 60, len(sound) - 1} {
		err := verified(t, sound[:at])
		if at > 0 && !errors.Is(err, backup.ErrDamaged) || err == nil {
			t.Errorf("truncated to %d bytes: %v", at, err)
		}
	}
	if err := verified(t, append(bytes.Clone(sound), "more"...)); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("with something added: %v", err)
	}
	other, err := os.ReadFile(saved(t))
	if err != nil {
		t.Fatal(err)
	}
	tail := bytes.LastIndex(other, []byte(`{"bytes"`))
	if tail < 0 {
		tail = bytes.LastIndexByte(other, '{')
	}
	mixed := append(bytes.Clone(sound[:bytes.LastIndexByte(sound, '{')-300]), other[tail:]...)
	if err := verified(t, mixed); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("with another one's manifest: %v", err)
	}
	newer := append([]byte("ordertally-backup/2\n"), sound[20:]...)
	if err := verified(t, newer); !errors.Is(err, boltdb.ErrNewFormat) {
		t.Errorf("of a newer version: %v", err)
	}
	path := saved(t)
	for want, changed := range map[error]boltdb.Format{
		boltdb.ErrForeign:   {Service: "another", Number: 3},
		boltdb.ErrNewFormat: {Service: "test", Number: 2},
		boltdb.ErrOldFormat: {Service: "test", Number: 4},
	} {
		service := bank()
		service.Format = changed
		if _, _, err := service.Verify(t.Context(), path, t.TempDir(), nil); !errors.Is(err, want) {
			t.Errorf("for %v: %v", changed, err)
		}
	}
}

// TestVerify_ComparesTheCounts makes a backup whose manifest counts what is not there.
func TestVerify_ComparesTheCounts(t *testing.T) {
	dir := t.TempDir()
	db := openBank(t, filepath.Join(dir, "test.db"))
	lying := bank()
	lying.Contents = func(*bbolt.Tx) (backup.Contents, error) {
		return backup.Contents{Identity: "bank", Counts: map[string]uint64{"accounts": numbers + 1}}, nil
	}
	path := filepath.Join(dir, "a.backup")
	_, err := bank().Save(t.Context(), path, nil, func(w io.Writer) error {
		_, err := lying.Write(t.Context(), db, w)
		return err
	})
	if !errors.Is(err, backup.ErrDamaged) || !strings.Contains(err.Error(), "accounts: it has 3000") {
		t.Errorf("it said %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("it left %v", names)
	}
}
