package parked_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/clock"
	"ordertally/shared/parked"
)

// note is a message whose key is its number. Its class is its first word.
type note string

func (n note) Size() int { return len(n) }

// notes keeps them in a bucket. A retry takes out those whose last word is not "ill".
type notes struct{}

var (
	notesBucket = []byte("notes")
	auditBucket = []byte("audit")
)

func (notes) Messages(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket(notesBucket) }
func (notes) Audit(tx *bbolt.Tx) *bbolt.Bucket    { return tx.Bucket(auditBucket) }
func (notes) ID(key []byte) string                { return strconv.FormatUint(binary.BigEndian.Uint64(key), 10) }

func (notes) Key(id string) []byte {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, n)
}

func (notes) Read(_ *bbolt.Tx, key, sealed []byte, filter *parked.Filter, _ bool) (note, bool, error) {
	text, err := codec.Unseal(key, sealed)
	class, subject, _ := strings.Cut(string(text), " ")
	return note(text), filter.Takes(class, time.Unix(0, 0)) &&
		(filter.Subject == "" || filter.Subject == subject), err
}

func (n notes) Decide(tx *boltdb.Tx, verb parked.Verb, keys [][]byte) (audit []parked.AuditEntry, err error) {
	for _, key := range keys {
		text, _, err := n.Read(tx.Tx, key, n.Messages(tx.Tx).Get(key), &parked.Filter{}, true)
		if err != nil {
			return nil, err
		}
		entry := parked.AuditEntry{ID: n.ID(key)}
		if verb == parked.Retry {
			entry.Outcome = parked.Counted
		}
		if verb == parked.Retry && strings.HasSuffix(string(text), "ill") {
			entry.Outcome = parked.StillParked
		} else if err := n.Messages(tx.Tx).Delete(key); err != nil {
			return nil, err
		}
		audit = append(audit, entry)
	}
	return audit, nil
}

func (notes) Overflow(*bbolt.Tx, int) ([]parked.OffsetRange, error) { return nil, nil }

// newLedger returns a ledger of notes, numbered from 1. A note "damaged" is stored damaged.
func newLedger(t *testing.T, texts ...string) *parked.Ledger[note] {
	t.Helper()
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "notes.db"), boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	err = db.Write(t.Context(), func(tx *boltdb.Tx) error {
		bucket, err := tx.CreateBucket(notesBucket)
		_, err2 := tx.CreateBucket(auditBucket)
		errs := []error{err, err2}
		for i, text := range texts {
			key := binary.BigEndian.AppendUint64(nil, uint64(i)+1)
			sealed := codec.Seal(key, []byte(text))
			if text == "damaged" {
				sealed[len(sealed)-1] ^= 1
			}
			errs = append(errs, bucket.Put(key, sealed))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &parked.Ledger[note]{Name: "notes", DB: db, Store: notes{}, Clock: clock.NewManual(time.Unix(1, 0))}
}

func many(n int, text string) (texts []string) {
	for range n {
		texts = append(texts, text)
	}
	return texts
}

func TestLedger_BoundsAPageByCountAndBytes(t *testing.T) {
	large := "a " + strings.Repeat("x", 3<<20)
	l := newLedger(t, "a 1", large, large, large, "b 5", "damaged", "a 7")
	for limit, want := range map[int]string{10: "1 2 3/4 7 6", 2: "1 2/3 4/7 6"} {
		var pages []string
		for after, number := "", 0; ; {
			page, err := l.List(t.Context(), parked.Filter{Class: "a"}, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, m := range page.Messages {
				if number++; number == 5 {
					number = 7
				}
				if m == "" {
					t.Error("an empty message")
				}
				ids = append(ids, strconv.Itoa(number))
			}
			pages = append(pages, strings.Join(append(ids, page.Corrupt...), " "))
			if after = page.Next; after == "" {
				break
			}
		}
		if got := strings.Join(pages, "/"); got != want {
			t.Errorf("%d a page: %s, want %s", limit, got, want)
		}
	}
}

func TestLedger_LooksAtSoManyMessagesAndGoesOn(t *testing.T) {
	l := newLedger(t, append(many(12_000, "b"), "a")...)
	page, err := l.List(t.Context(), parked.Filter{Class: "a"}, "", 10)
	if err != nil || len(page.Messages) != 0 || page.Next != "10000" {
		t.Fatalf("%+v, %v", page, err)
	}
	page, err = l.List(t.Context(), parked.Filter{Class: "a"}, page.Next, 10)
	if err != nil || len(page.Messages) != 1 || page.Next != "" {
		t.Fatalf("%+v, %v", page, err)
	}
	done, err := l.DecideAll(t.Context(), parked.Filter{Class: "a"}, parked.Decision{Verb: parked.Discard, Reason: "r"})
	if err != nil || done.Messages != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	for _, wrong := range []string{"x", "-1"} {
		if _, err := l.List(t.Context(), parked.Filter{}, wrong, 10); !errors.Is(err, parked.ErrNotParked) {
			t.Errorf("after %q: %v", wrong, err)
		}
	}
}

// A message that is retried in vain stays parked. A decision about all messages must still come to an end.
func TestLedger_DecidesAboutEachOnceInSteps(t *testing.T) {
	l := newLedger(t, append(many(600, "a well"), append(many(600, "a ill"), "damaged", "b well")...)...)
	done, err := l.DecideAll(t.Context(), parked.Filter{Class: "a"}, parked.Decision{Verb: parked.Retry, By: "key:me"})
	if err != nil || done.Messages != 1200 || done.Outcomes[parked.Counted] != 600 ||
		done.Outcomes[parked.StillParked] != 600 || len(done.Corrupt) != 1 || done.Corrupt[0] != "1201" {
		t.Fatalf("%+v, %v", done, err)
	}
	newest, err := l.Audit(t.Context(), 5)
	if err != nil || len(newest) != 5 || newest[0].ID != "1200" || newest[0].By != "key:me" ||
		newest[0].Outcome != parked.StillParked || newest[0].Ledger != "notes" || newest[0].At.IsZero() {
		t.Errorf("audit %+v, %v", newest, err)
	}
	if _, err := l.Decide(t.Context(), "1", parked.Decision{Verb: parked.Retry}); !errors.Is(err, parked.ErrNotParked) {
		t.Errorf("again: %v", err)
	}
}

func TestLedger_KeepsWhatWasDecidedBefore(t *testing.T) {
	l := newLedger(t, many(11, "a ill")...)
	if _, err := l.Decide(t.Context(), "11", parked.Decision{Verb: parked.Retry}); err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"first", strings.Repeat("x", 600)} {
		if _, err := l.Decide(t.Context(), "1", parked.Decision{Verb: parked.Retry, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	m, history, err := l.Get(t.Context(), "1")
	if err != nil || m != "a ill" || len(history) != 2 || history[0].Reason != "first" ||
		len(history[1].Reason) != 500 {
		t.Errorf("%q, %+v, %v", m, history, err)
	}
	if _, history, err := l.Get(t.Context(), "2"); err != nil || len(history) != 0 {
		t.Errorf("the other one: %+v, %v", history, err)
	}
}

func TestAudit_KeepsTheLastHundredThousand(t *testing.T) {
	l := newLedger(t)
	err := l.DB.Write(t.Context(), func(tx *boltdb.Tx) error {
		bucket := notes{}.Audit(tx.Tx)
		if err := bucket.SetSequence(99_998); err != nil {
			return err
		}
		first := binary.BigEndian.AppendUint64(nil, 1)
		if err := bucket.Put(first, codec.Seal(first, []byte("{}"))); err != nil {
			return err
		}
		for range 3 {
			if err := parked.PutAudit(bucket, &parked.AuditEntry{ID: "7"}); err != nil {
				return err
			}
		}
		if key, _ := bucket.Cursor().First(); bytes.Equal(key, first) {
			t.Error("the oldest is still there")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
