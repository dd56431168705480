package boltdb

import (
	"bytes"
	"context"
	"errors"
	"os"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// placeKey is the key of the place where the file was made or last checked, in the bucket of the format. See place.
var placeKey = []byte("place")

// settle checks the whole of a file that was copied to where it is. A copy of a file in use may mix pages of several
// moments, and the pages that Open reads need not show it. Damage is ErrDamaged. A sound file is checked only once.
func settle(bolt *bbolt.DB, file *os.File, check Checker, onCopied func()) error {
	at, err := place(file)
	if err != nil || at == nil {
		return err
	}
	var known []byte
	err = bolt.View(func(tx *bbolt.Tx) error {
		if meta := tx.Bucket(metaBucket); meta != nil && meta.Get(placeKey) != nil {
			known, _ = codec.Unseal(placeKey, meta.Get(placeKey)) // the check finds that it is damaged
			known = bytes.Clone(known)
		}
		return nil
	})
	if err != nil || bytes.Equal(known, at) {
		return err
	}
	if onCopied != nil {
		onCopied()
	}
	var checked Checked
	err = checked.look(context.Background(), file, check, nil, func() (*bbolt.DB, error) { return bolt, nil })
	if err != nil {
		return err
	}
	if err := checked.damage(file.Name()); err != nil {
		return err
	}
	return bolt.Update(func(tx *bbolt.Tx) error { return putPlace(tx, at) })
}

// claimPlace notes where a file is that was verified.
func claimPlace(path string) error {
	bolt, file, err := openBolt(path, Options{LockTimeout: defaultLockTimeout})
	if err != nil {
		return err
	}
	at, err := place(file.File)
	if err == nil {
		err = bolt.Update(func(tx *bbolt.Tx) error { return putPlace(tx, at) })
	}
	return errors.Join(err, bolt.Close())
}

// putPlace notes where the file is. A file without a format has no place for it.
func putPlace(tx *bbolt.Tx, at []byte) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil || at == nil {
		return nil
	}
	return meta.Put(placeKey, codec.Seal(placeKey, at))
}
