// Package codec is the form of every record in a database file: a checksum, a version, then values.
//
// To write one:
//
//	record := codec.NewRecord(rowVersion, 64)
//	record.Text(name)
//	record.Time(at)
//	err := bucket.Put(key, record.Seal(key))
//
// To read it:
//
//	record, err := codec.OpenRecord(key, sealed, rowVersion)
//	if err != nil {
//		return err
//	}
//	name, at := record.Text(), record.Time()
//	return record.End()
//
// Reading never fails halfway: after the first value that is not there, all further values are zero, and End says so.
// No input makes a reader panic, and none makes it allocate more than a small multiple of its length.
//
// A record that may get more fields has a version of its own. An entry of an index has none: its form belongs to the
// number of the file's format.
//
// The package knows neither bbolt nor what is stored. A domain package may use it.
package codec
