package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// Verify checks the backup at path: its checksums, and whether it is of this service and of a format that this program
// reads. It then makes the database file anew in the directory dir, and checks every page and record of it, what
// belongs to each record, and the counts of the manifest. It needs room for the whole database file there.
//
// Damage within the database is a fault of the result, not an error. pace, if not nil, is called after each part and
// page.
func (s *Service) Verify(ctx context.Context, path, dir string, pace func()) (Manifest, boltdb.Checked, error) {
	m, done, err := s.verify(ctx, path, dir, pace)
	if err != nil {
		return Manifest{}, boltdb.Checked{}, fmt.Errorf("verify backup %s: %w", path, err)
	}
	return m, done, nil
}

func (s *Service) verify(
	ctx context.Context, path, dir string, pace func(),
) (m Manifest, done boltdb.Checked, err error) {
	if m, err = ReadManifest(path); err != nil {
		return m, done, err
	}
	switch {
	case m.Service != s.Format.Service:
		return m, done, fmt.Errorf("%w: it is a backup of the %s service", boltdb.ErrForeign, m.Service)
	case m.Format > s.Format.Number:
		return m, done, fmt.Errorf("format %d: %w", m.Format, boltdb.ErrNewFormat)
	case m.Format < s.Format.Number:
		return m, done, fmt.Errorf("format %d: %w", m.Format, boltdb.ErrOldFormat)
	}
	place, err := os.MkdirTemp(dir, "."+filepath.Base(path)+partial+"*")
	if err != nil {
		return m, done, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	database := filepath.Join(place, s.Format.Service+".db")
	if _, err := extract(ctx, path, database, pace); err != nil {
		return m, done, fmt.Errorf("extract it: %w", err)
	}
	var found Contents
	done, err = boltdb.CheckFilePaced(ctx, database, func(r *boltdb.Record) error {
		if r.Begin {
			found, err = s.Contents(r.Tx)
			if err != nil {
				return err
			}
		}
		return s.Check(r)
	}, pace)
	if err == nil && len(done.Faults) == 0 {
		done.Faults = m.differences(&found)
	}
	return m, done, err
}

// differences tells where a database is not what the manifest says.
func (m *Manifest) differences(found *Contents) (faults []string) {
	if found.Identity != m.Identity {
		faults = append(faults, fmt.Sprintf("it is of %q, and its manifest says %q", found.Identity, m.Identity))
	}
	names := slices.Sorted(maps.Keys(m.Counts))
	for name := range found.Counts {
		if _, known := m.Counts[name]; !known {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if found.Counts[name] != m.Counts[name] {
			faults = append(faults, fmt.Sprintf("%s: it has %d, and its manifest says %d", name, found.Counts[name],
				m.Counts[name]))
		}
	}
	return faults
}

// Records returns how many records a bucket and those in it have, without reading them. It is 0 for a nil bucket.
func Records(bucket *bbolt.Bucket) uint64 {
	if bucket == nil {
		return 0
	}
	return uint64(bucket.Stats().KeyN) //nolint:gosec // not negative
}
