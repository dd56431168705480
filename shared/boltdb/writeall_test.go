package boltdb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ordertally/shared/boltdb"
)

func TestWriteAll_RunsEachForItselfInTheirOrderAndInOneCommit(t *testing.T) {
	var groups []int
	db := open(t, boltdb.Options{OnCommit: func(s boltdb.CommitStats) { groups = append(groups, s.Requests) }})
	broken := errors.New("broken")
	var ran []int
	noted := func(i int, fn func(*boltdb.Tx) error) func(*boltdb.Tx) error {
		return func(tx *boltdb.Tx) error {
			ran = append(ran, i)
			return fn(tx)
		}
	}
	before := len(groups)
	errs := db.WriteAll(t.Context(), []func(*boltdb.Tx) error{
		noted(0, put("a")),
		noted(1, func(*boltdb.Tx) error { return boltdb.Refuse(broken) }),
		noted(2, func(tx *boltdb.Tx) error { // sees what the first one wrote
			if tx.Bucket(bucket).Get([]byte("a")) == nil {
				return errors.New("a is not there")
			}
			return put("b")(tx)
		}),
		noted(3, func(tx *boltdb.Tx) error { _ = put("half")(tx); return broken }),
		noted(4, func(tx *boltdb.Tx) error { _ = put("panicked")(tx); panic("no") }),
		noted(5, put("c")),
	})
	if errs[0] != nil || !errors.Is(errs[1], broken) || errs[2] != nil || !errors.Is(errs[3], broken) ||
		errs[4] == nil || !strings.Contains(errs[4].Error(), "panic") || errs[5] != nil {
		t.Errorf("got %v", errs)
	}
	for key, want := range map[string]bool{"a": true, "b": true, "half": false, "panicked": false, "c": true} {
		if has(t, db, key) != want {
			t.Errorf("%s is stored: %t, want %t", key, !want, want)
		}
	}
	if !slices.Equal(ran, []int{0, 1, 2, 3, 0, 1, 2, 4, 0, 1, 2, 5}) {
		t.Errorf("ran in the order %v", ran)
	}
	if fmt.Sprint(groups[before:]) != "[4]" {
		t.Errorf("commits of %v requests, want one of the 4 that were left", groups[before:])
	}
	if errs := db.WriteAll(t.Context(), nil); len(errs) != 0 {
		t.Errorf("nothing: %v", errs)
	}
}

func TestWriteAll_FailsAllThatNeverRan(t *testing.T) {
	db := open(t, boltdb.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i, err := range db.WriteAll(ctx, []func(*boltdb.Tx) error{put("a"), put("b")}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for i, err := range db.WriteAll(t.Context(), []func(*boltdb.Tx) error{put("a"), put("b")}) {
		if !errors.Is(err, boltdb.ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}
