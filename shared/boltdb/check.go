package boltdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"go.etcd.io/bbolt"
)

// Record is a record or a bucket in a check.
type Record struct {
	Path     [][]byte // names of the enclosing buckets, outermost first
	Key      []byte
	Value    []byte // nil for a bucket
	IsBucket bool
	Sequence uint64 // of a bucket
	// Tx is for looking up what belongs to the record. It is nil when pages of the file are damaged.
	Tx *bbolt.Tx
	// Name is how people know the record. A Checker sets it when it returns an error. By default it is the key.
	Name string
	// Begin and End are set in the first and in the last Record of a check in which one transaction sees all records.
	// Neither has a key.
	Begin, End bool
	// Damaged says that something was found to be wrong before this Record.
	Damaged bool
	// State is what the Checker keeps from one record of a check to the next. It begins as nil.
	State *any

	lookups *lookups
	pace    func()
}

// Pace rests beside a running service. A Checker calls it now and then where it reads much for one Record.
func (r *Record) Pace() {
	if r.pace != nil {
		r.pace()
	}
}

// Get returns the value of the record with a key in the bucket with that path, or nil. The value belongs to Tx, which
// must not be nil. Unlike the methods of Tx, it makes no garbage.
func (r *Record) Get(key []byte, path ...[]byte) []byte {
	if r.lookups == nil || r.lookups.tx != r.Tx {
		r.lookups = &lookups{tx: r.Tx}
	}
	cursor := r.lookups.in(path)
	if cursor == nil {
		return nil
	}
	r.lookups.key = append(r.lookups.key[:0], key...)
	found, value := cursor.Seek(r.lookups.key)
	if !bytes.Equal(found, key) {
		return nil
	}
	return value
}

// lookups are cursors in a transaction's buckets.
type lookups struct {
	tx  *bbolt.Tx
	all []lookup
	key []byte
}

type lookup struct {
	path   [][]byte
	cursor *bbolt.Cursor // nil if there is no such bucket
}

func (l *lookups) in(path [][]byte) *bbolt.Cursor {
	for i := range l.all {
		if slices.EqualFunc(l.all[i].path, path, bytes.Equal) {
			return l.all[i].cursor
		}
	}
	made := lookup{}
	for _, name := range path {
		made.path = append(made.path, bytes.Clone(name))
	}
	within := l.tx.Cursor().Bucket()
	for i := 0; i < len(path) && within != nil; i++ {
		within = within.Bucket(made.path[i])
	}
	if within != nil {
		made.cursor = within.Cursor()
	}
	if len(l.all) == maxLookups {
		l.all = l.all[:0]
	}
	l.all = append(l.all, made)
	return made.cursor
}

// maxLookups bounds the cursors that are kept.
const maxLookups = 32

// In reports whether the record is directly in the bucket with that path.
func (r *Record) In(path ...[]byte) bool {
	if len(path) != len(r.Path) {
		return false
	}
	for i := range path {
		if !bytes.Equal(path[i], r.Path[i]) {
			return false
		}
	}
	return true
}

// Within reports whether the record is somewhere below the bucket with that name.
func (r *Record) Within(name []byte) bool { return len(r.Path) > 0 && bytes.Equal(r.Path[0], name) }

// A Checker checks one record or bucket and the records that belong to it. For a Record without a key it checks whether
// the file as a whole is complete. Its error tells what is wrong.
type Checker func(r *Record) error

// Checked is the result of CheckFile.
type Checked struct {
	Bytes   int64
	Pages   uint64
	Records int
	Faults  []string // each names a page or a record; at most 1,000
	More    int      // the number of faults not in the list
}

const maxFaults = 1000

func (c *Checked) fault(text string) {
	if len(c.Faults) == maxFaults {
		c.More++
		return
	}
	c.Faults = append(c.Faults, text)
}

// damage returns ErrDamaged with the first fault, or nil.
func (c *Checked) damage(path string) error {
	if len(c.Faults) == 0 {
		return nil
	}
	return damaged(path, "%d faults, the first: %s", len(c.Faults)+c.More, c.Faults[0])
}

// CheckFile checks a whole database file: both meta pages, every page and its children, the free list, and every record
// with its checksum. check checks what must exist beside a record. CheckFile changes nothing. ErrLocked means that a
// service has the file open. Damage is a fault in the result, not an error.
func CheckFile(ctx context.Context, path string, check Checker) (Checked, error) {
	return CheckFilePaced(ctx, path, check, nil)
}

// CheckFilePaced is CheckFile beside a running service. pace, if not nil, is called after each page.
func CheckFilePaced(ctx context.Context, path string, check Checker, pace func()) (Checked, error) {
	done, err := checkFile(ctx, path, check, pace)
	if err != nil {
		return Checked{}, fmt.Errorf("check database %s: %w", path, err)
	}
	return done, nil
}

func checkFile(ctx context.Context, path string, check Checker, pace func()) (done Checked, err error) {
	file, err := openToRead(ctx, path)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	err = done.look(ctx, file, check, pace, func() (*bbolt.DB, error) {
		return bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, Timeout: defaultLockTimeout})
	})
	return done, err
}

// openToRead opens and locks a file that no service has open. What is read from it is what is on the disk.
func openToRead(ctx context.Context, path string) (_ *os.File, err error) {
	//nolint:gosec // the path is the operator's; a pipe would wait
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a database file: it is not a regular file")
	case info.Size() == 0:
		return nil, errors.New("not a database file: it is empty")
	case !awaitLock(ctx, file):
		return nil, fmt.Errorf("%w%s: stop that process first", ErrLocked, holder(path))
	}
	return file, dropCache(file) // only what is on the disk counts
}

// awaitLock takes the readers' lock once nobody writes. It waits at most defaultLockTimeout.
func awaitLock(ctx context.Context, file *os.File) bool {
	ctx, cancel := context.WithTimeout(ctx, defaultLockTimeout)
	defer cancel()
	for !lock(file, false) {
		if !pause(ctx, 10*time.Millisecond) {
			return false
		}
	}
	return true
}

// look examines a locked file. open opens it in bbolt, which must not see it while its pages may be damaged.
func (c *Checked) look(
	ctx context.Context, file *os.File, check Checker, pace func(), open func() (*bbolt.DB, error),
) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	c.Bytes = info.Size()
	m := readMetas(file)
	if err := checkMetas(file, m); err != nil {
		c.fault(err.Error())
	}
	newest := m.newest()
	if newest == nil {
		return nil
	}
	if err := checkLength(file, newest); err != nil {
		c.fault(err.Error())
		return nil
	}
	c.Pages = newest.high
	//nolint:gosec // 32 bits
	structure := pages{file: file, size: int64(newest.pageSize), high: newest.high, pace: pace}
	if err := c.structure(ctx, &structure, newest); err != nil {
		return err
	}
	if len(c.Faults) > 0 {
		return c.records(ctx, &structure, newest.root, nil, check)
	}
	bolt, err := open()
	if err != nil {
		return err
	}
	err = c.inBbolt(ctx, bolt, &structure, newest.root, check)
	if bolt.IsReadOnly() {
		err = errors.Join(err, bolt.Close())
	}
	return err
}

// structure checks only the pages.
func (c *Checked) structure(ctx context.Context, p *pages, m *meta) error {
	used := newPageSet(p.high)
	for id := range uint64(firstPage) {
		used.add(id)
	}
	claim := func(id, count uint64) error {
		for i := range count {
			if !used.add(id + i) {
				return pageError(id+i, "it is in use twice")
			}
		}
		return ctx.Err()
	}
	w := walk{
		pages: *p, rooms: new(rooms), claim: claim, visit: func(*Record) error { return ctx.Err() },
		fault: func(path [][]byte, err error) { c.fault(pathText(path) + err.Error()) },
	}
	if err := w.run(m.root, nil); err != nil {
		return err
	}
	free, count, err := p.free(m.freelist)
	if err == nil {
		err = claim(m.freelist, count)
	}
	if err != nil {
		c.fault(err.Error())
		return ctx.Err()
	}
	for _, id := range free {
		if !used.add(id) {
			c.fault(pageError(id, "it is in use, and in the list of free pages").Error())
		}
	}
	if n, first := used.missing(p.high); n > 0 && len(c.Faults) == 0 {
		c.fault(fmt.Sprintf("pages that are neither in use nor free: %d, the first is %d", n, first))
	}
	return ctx.Err()
}

// records checks only the records.
func (c *Checked) records(ctx context.Context, p *pages, root uint64, tx *bbolt.Tx, check Checker) error {
	w := walk{pages: *p, rooms: new(rooms), fault: func([][]byte, error) {}}
	looked := 0
	var state any
	var known *lookups
	one := func(r *Record) error {
		r.Tx, r.State, r.lookups, r.pace, r.Damaged = tx, &state, known, p.pace, len(c.Faults) > 0
		err := check.all(r)
		known = r.lookups
		return err
	}
	w.visit = func(r *Record) error {
		if looked++; looked%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !r.IsBucket {
			c.Records++
		}
		if err := one(r); err != nil {
			c.fault(r.fault(err))
		}
		return nil
	}
	if tx == nil {
		return w.run(root, nil)
	}
	whole := one(&Record{Begin: true})
	if isFormat(whole) {
		return whole
	}
	c.faults(whole)
	if err := w.run(root, nil); err != nil {
		return err
	}
	c.faults(one(&Record{End: true}))
	return ctx.Err()
}

// Faults is several errors. Each becomes a fault of the check.
type Faults []string

// Error implements error.
func (f Faults) Error() string { return strings.Join(f, "\n") }

// faults notes what is wrong with the file as a whole.
func (c *Checked) faults(err error) {
	var many Faults
	switch {
	case errors.As(err, &many):
		for _, text := range many {
			c.fault(text)
		}
	case err != nil:
		c.fault(err.Error())
	}
}

// inBbolt checks the records, with a transaction for lookups.
func (c *Checked) inBbolt(ctx context.Context, bolt *bbolt.DB, p *pages, root uint64, check Checker) error {
	return bolt.View(func(tx *bbolt.Tx) error {
		return c.records(ctx, p, root, tx, check)
	})
}

// fault returns a line that tells what is wrong with the record.
func (r *Record) fault(err error) string {
	name := r.Name
	if name == "" {
		name = printable(r.Key)
	}
	return pathText(r.Path) + name + ": " + err.Error()
}

func pathText(path [][]byte) string {
	if len(path) == 0 {
		return ""
	}
	names := make([]string, len(path))
	for i := range path {
		names[i] = printable(path[i])
	}
	return strings.Join(names, "/") + ": "
}

// printable returns a key as text, or in hexadecimal if it is not text.
func printable(key []byte) string {
	if len(key) > 0 && len(key) <= 100 && utf8.Valid(key) &&
		bytes.IndexFunc(key, func(r rune) bool { return !unicode.IsGraphic(r) }) < 0 {
		return string(key)
	}
	if len(key) > 100 {
		return fmt.Sprintf("key %x... of %d bytes", key[:100], len(key))
	}
	return fmt.Sprintf("key %x", key)
}
