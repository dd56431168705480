package boltdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"
)

// Options of Open. The zero value is ready for use.
type Options struct {
	// LockTimeout is how long to wait for another process to release the file. Default 200 ms. Without a timeout bbolt
	// waits for ever.
	LockTimeout time.Duration
	// MaxSize is the largest size of the file in bytes. A write that would exceed it fails with ErrFull. 0 means that
	// only the disk is the limit.
	MaxSize int
	// Format of the file. Open gives it to an empty file. It refuses a file with another one: ErrForeign, ErrOldFormat
	// or ErrNewFormat. The zero Format is not checked.
	Format Format
	// Check, if set, makes Open check the whole of a file that was copied to where it is. It is then as CheckFile's. A
	// copy with damage is refused: ErrDamaged. A file is told from its copies on Linux only.
	Check Checker
	// OnCopied, if set, is called before such a check, which may take minutes.
	OnCopied func()
	// MaxGroup is the largest number of requests that share one commit. Those of one WriteAll may exceed it. Default
	// 4,096.
	MaxGroup int
	// OnIncident, if set, is called with each damaged page or record when it is first met. It must not block.
	OnIncident func(error)
	// OnCommit, if set, is called by the committer after each commit. It must not block. If it panics, the database
	// fails, as with AfterCommit.
	OnCommit func(CommitStats)

	noSync bool // commits do not wait for the disk; see Build
}

// mapReserve is by how many bytes a file can grow before bbolt must map it anew. Mapping anew waits until no read
// transaction is open, which a backup can keep open for a minute, and no order is stored meanwhile. It also copies all
// nodes that bbolt holds, and forgets which pages are in memory. Reserved address space takes no memory.
const mapReserve = 1 << (30 + 6*(strconv.IntSize/64)) // 64 GiB

// Bounds of how much longer, in bytes, bbolt makes a file whose end it has reached. Between them a file doubles.
const (
	minGrowth = 32 << 10
	maxGrowth = 16 << 20
)

// growth is for a file of that many bytes.
func growth(size int64) int {
	return int(min(max(size, minGrowth), maxGrowth))
}

// CommitStats describes one group commit.
type CommitStats struct {
	Requests int           // requests that shared it
	Took     time.Duration // from the first closure to the end of the fsync
	Sync     time.Duration // writing the pages and both fdatasync calls
}

// Open opens or creates the file at path and starts its committer. Its directory must exist. Errors to tell apart:
// ErrLocked, ErrTruncated, ErrDamaged, and those of Options.Format.
//
// After a failed fsync the page cache may hold what never reached the disk (Linux calls such pages clean). A process
// cannot know whether its predecessor ended that way. So Open writes the file back and drops it from the cache before
// it maps it. It then reads what a power cut would leave (rule G3). That took 2 ms, cold, for a file of 5 million
// orders, because bbolt reads only the free list.
func Open(path string, options Options) (*DB, error) {
	if options.LockTimeout == 0 {
		options.LockTimeout = defaultLockTimeout
	}
	if options.MaxGroup == 0 {
		options.MaxGroup = 4096
	}
	bolt, file, err := openBolt(path, options)
	if err != nil {
		return nil, opening(path, err)
	}
	db := &DB{
		bolt:      bolt,
		file:      file.File,
		created:   file.created,
		path:      path,
		incidents: incidents{report: options.OnIncident},
		pageSize:  int64(bolt.Info().PageSize),
		options:   options,
		queue:     queue{wake: make(chan struct{}, 1)},
		closing:   make(chan struct{}),
		ended:     make(chan struct{}),
		failed:    make(chan struct{}),
	}
	err = safely(path, "opening", func() error {
		err := options.Format.claim(bolt, file.File)
		if err != nil || options.Check == nil {
			return err
		}
		return settle(bolt, file.File, options.Check, options.OnCopied)
	})
	if err == nil {
		err = db.learnDurable()
	}
	if err != nil {
		return nil, errors.Join(opening(path, err), bolt.Close())
	}
	go db.commitUntilClosed()
	return db, nil
}

// openedFile is a file that was opened for bbolt.
type openedFile struct {
	*os.File
	info    os.FileInfo
	created bool // it was missing or empty
	checked bool
}

// openBolt opens and locks the file at path. It makes sure that the locked file still has that name. While the call
// waited for the lock, Compact may have put another file in its place.
func openBolt(path string, options Options) (*bbolt.DB, *openedFile, error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for {
		var opened *openedFile
		var bolt *bbolt.DB
		var length int64
		if info, err := os.Stat(path); err == nil {
			length = info.Size()
		}
		initialMap := int(length) + mapReserve
		open := func() (err error) {
			bolt, err = bbolt.Open(path, 0o600, &bbolt.Options{
				Timeout: options.LockTimeout,
				MaxSize: options.MaxSize,
				NoSync:  options.noSync, NoGrowSync: options.noSync,
				InitialMmapSize: initialMap,
				OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
					if opened, err = openDurable(name, flag, mode); err != nil {
						return nil, err
					}
					return opened.File, nil
				},
			})
			return err
		}
		err := safely(path, "opening", open)
		if errors.Is(err, syscall.ENOMEM) { // the address space of the process is limited
			initialMap = 0
			err = safely(path, "opening", open)
		}
		switch {
		case errors.Is(err, bberrors.ErrTimeout):
			return nil, nil, fmt.Errorf("%w%s: stop that process or give another file", ErrLocked, holder(path))
		case errors.Is(err, ErrDamaged) && opened != nil:
			return nil, nil, errors.Join(err, opened.Close())
		case err != nil:
			return nil, nil, err
		}
		named, err := os.Stat(path)
		if err == nil && os.SameFile(opened.info, named) {
			if err = opened.check(); err == nil {
				bolt.AllocSize = growth(opened.info.Size())
				return bolt, opened, nil
			}
			return nil, nil, errors.Join(err, bolt.Close())
		}
		if err = errors.Join(err, bolt.Close()); err != nil {
			return nil, nil, err
		}
	}
}

// openDurable opens a bbolt file so that reads see what is on the disk, not what is in the cache.
func openDurable(name string, flag int, mode os.FileMode) (*openedFile, error) {
	f, err := os.OpenFile(name, flag, mode) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, err
	}
	opened := &openedFile{File: f}
	opened.info, err = f.Stat()
	if err == nil {
		opened.created = opened.info.Size() == 0
		err = errors.Join(f.Sync(), syncDir(filepath.Dir(name)), dropCache(f))
	}
	// bbolt must not map a damaged file. If another process has it open, that process may be writing to it. Then the
	// file is checked once it is locked.
	if err == nil && lock(f, true) {
		err = opened.check()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return opened, nil
}

// check checks once what bbolt trusts. The file must be locked.
func (f *openedFile) check() error {
	if f.checked || f.created {
		return nil
	}
	f.checked = true
	m := readMetas(f)
	if err := checkMetas(f, m); err != nil {
		return damaged(f.Name(), "%s", err)
	}
	newest := m.newest()
	if err := checkLength(f.File, newest); err != nil {
		return err
	}
	//nolint:gosec // 32 bits
	if err := skeleton(&pages{file: f, size: int64(newest.pageSize), high: newest.high}, newest); err != nil {
		return damaged(f.Name(), "%s", err)
	}
	return nil
}

// opening adds what was done to an error that does not name the file itself.
func opening(path string, err error) error {
	if errors.Is(err, ErrDamaged) {
		return err
	}
	return fmt.Errorf("open database %s: %w", path, err)
}

// syncDir makes a new file's name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
