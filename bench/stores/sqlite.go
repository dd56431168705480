//go:build full

package stores

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3" // the driver
)

// sqlite has one writer that commits what waits as one group, in a file with a write-ahead log that each commit syncs.
type sqlite struct {
	*grouped
	db *sql.DB
}

// OpenSQLite makes a database in dir.
func OpenSQLite(ctx context.Context, dir string) (Store, error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "sqlite.db")+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, `
		CREATE TABLE orders (id BLOB PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID;
		CREATE TABLE messages (number BLOB PRIMARY KEY, message BLOB NOT NULL) WITHOUT ROWID;
		CREATE TABLE keys (hash BLOB PRIMARY KEY, id BLOB NOT NULL) WITHOUT ROWID;
		CREATE TABLE customers (entry BLOB PRIMARY KEY) WITHOUT ROWID;`)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &sqlite{db: db}
	s.grouped = newGrouped(s.commit)
	return s, nil
}

func (s *sqlite) commit(group []*groupRequest) (err error) {
	ctx := context.Background()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	var prepared []*sql.Stmt
	for _, text := range []string{
		"INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", "INSERT INTO orders VALUES (?, ?)",
		"INSERT INTO messages VALUES (?, ?)", "INSERT INTO customers VALUES (?)",
	} {
		statement, err := tx.PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, statement.Close()) }()
		prepared = append(prepared, statement)
	}
	for _, r := range group {
		taken, err := prepared[0].ExecContext(ctx, r.records.key, r.records.keyValue)
		if err != nil {
			return err
		}
		if n, _ := taken.RowsAffected(); n == 0 {
			r.err = errRepeated
			continue
		}
		_, err1 := prepared[1].ExecContext(ctx, r.records.id, r.records.payload)
		_, err2 := prepared[2].ExecContext(ctx, r.records.number, r.records.message)
		_, err3 := prepared[3].ExecContext(ctx, r.records.customer)
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (s *sqlite) Count() (n int64, err error) {
	err = s.db.QueryRowContext(context.Background(), "SELECT count(*) FROM orders").Scan(&n)
	return n, err
}

func (s *sqlite) Close() error {
	s.stop()
	return s.db.Close()
}
