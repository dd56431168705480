//go:build crash

package runs

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
)

// childFile names the file of a child process, which is this test again.
const childFile = "ORDERTALLY_TEST_RUNS"

// together is how many numbers are stored at once.
const together = 50

var crashConfig = Config{Segment: 100, Tier: 3, Step: 6000}

// numbered makes the entries of a number. Twenty numbers share a hash in the lists.
func numbered(s *Set, n uint64, at time.Time) []Entry {
	aged := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, n), uint32(at.Unix()))
	return []Entry{
		{Index: s.Index(0), Hash: Sum(fmt.Sprint("n", n)), Rest: aged},
		{Index: s.Index(1), Hash: Sum(fmt.Sprint("l", n/20)), Rest: binary.BigEndian.AppendUint64(nil, ^n)},
	}
}

// writeUntilKilled adds entries from a number on, and prints each number that is stored.
func writeUntilKilled(path string) error {
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		return err
	}
	if err := createTest(db); err != nil {
		return err
	}
	s, err := Open(context.Background(), db, testRoot, testSpecs, crashConfig)
	if err != nil {
		return err
	}
	var first uint64
	if _, err := fmt.Scan(&first); err != nil {
		return err
	}
	crashpoint.Arm(os.Getenv("ORDERTALLY_CRASH"))
	keep := Retention{Keep: 2 * time.Second, Now: time.Now}
	go func() {
		for s.maintain(context.Background(), &keep) == nil {
			<-s.wake
		}
	}()
	for n := first; ; n += together {
		err := db.Write(context.Background(), func(tx *boltdb.Tx) error {
			for i := range uint64(together) {
				if err := s.Append(tx, numbered(s, n+i, time.Now())...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestSet_LosesNothingWhenItIsKilled kills a process that adds entries, at each point of a fold, a merge and a drop and
// at any time. After each kill the file is whole, everything stored is found, and what was unfinished goes.
func TestSet_LosesNothingWhenItIsKilled(t *testing.T) {
	if path := os.Getenv(childFile); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path))
		os.Exit(1)
	}
	rounds, err := strconv.Atoi(os.Getenv("ORDERTALLY_ROUNDS"))
	if err != nil {
		rounds = 12
	}
	points := []string{"runs.before-fold", "runs.after-fold", "runs.before-merge", "runs.after-merge",
		"runs.after-expire", "runs.after-drop", "boltdb.before-commit", ""}
	path := filepath.Join(t.TempDir(), "runs.db")
	var stored uint64 // numbers below are
	dead := 0
	for round := range rounds {
		point := points[round%len(points)]
		if point != "" {
			point += fmt.Sprint(":", 1+rand.IntN(3))
		}
		last := killed(t, path, point, stored)
		if last > 0 {
			stored = last
		}
		dead += examine(t, path, &stored)
		if t.Failed() {
			t.Fatalf("round %d, killed at %q", round, point)
		}
	}
	t.Logf("%d rounds, %d entries of each index; %d unfinished or replaced runs were left behind", rounds, stored, dead)
	if dead == 0 {
		t.Error("no kill left an unfinished run: the test shows nothing")
	}
}

// killed runs a child until it is killed. It returns the number after the last that the child said is stored.
func killed(t *testing.T, path, point string, first uint64) (next uint64) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestSet_LosesNothingWhenItIsKilled$")
	child.Env = append(os.Environ(), childFile+"="+path, "ORDERTALLY_CRASH="+point)
	child.Stderr = os.Stderr
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(input, first); err != nil {
		t.Fatal(err)
	}
	limit := uint64(100 + rand.IntN(3000)) // killed from outside then, if it is still alive
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			continue // a line that was cut
		}
		if next = n + together; point == "" && next > first+limit || next > first+5_000 {
			_ = child.Process.Kill()
		}
	}
	err = child.Wait()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || !ended.Sys().(syscall.WaitStatus).Signaled() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return next
}

// examine checks the file, finds everything that was stored, and cleans up. It returns how many runs were dead.
func examine(t *testing.T, path string, stored *uint64) (dead int) {
	t.Helper()
	done, err := boltdb.CheckFile(t.Context(), path, NewChecker(testRoot, testSpecs).checkAll)
	if err != nil || len(done.Faults) > 0 {
		t.Fatalf("%.1000q %v", done.Faults, err)
	}
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := createTest(db); err != nil { // it may have been killed before
		t.Fatal(err)
	}
	s, err := Open(t.Context(), db, testRoot, testSpecs, crashConfig)
	if err != nil {
		t.Fatal(err)
	}
	dead = len(s.garbage)
	keep := Retention{Keep: 2 * time.Second, Now: time.Now}
	if err := s.maintain(t.Context(), &keep); err != nil {
		t.Fatal(err)
	}
	if len(s.garbage) > 0 {
		t.Errorf("garbage is left: %v", s.garbage)
	}
	err = s.View(t.Context(), func(tx *bbolt.Tx, at *Snapshot) error {
		for n := uint64(0); ; n++ {
			e := numbered(s, n, time.Now())[1]
			found := false
			if err := at.Find(tx, e.Index, e.Hash, func(rest []byte) bool {
				found = string(rest) == string(e.Rest)
				return !found
			}); err != nil {
				return err
			}
			switch {
			case !found && n < *stored:
				return fmt.Errorf("number %d was stored and is lost, of %d", n, *stored)
			case !found: // a group that was stored and not said to be is whole
				if n%together != 0 {
					return fmt.Errorf("half a group is stored: up to %d", n)
				}
				*stored = n
				return nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return dead
}
