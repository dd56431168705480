//go:build full

package stores

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Server is a PostgreSQL of Debian in a directory of its own. It syncs each commit and listens on a socket only.
type Server struct {
	URL string

	dir string
	run func(name string, args ...string) error
}

// StartPostgres makes a cluster in dir and starts it. As root it runs as the user postgres.
func StartPostgres(ctx context.Context, dir string) (*Server, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return nil, errors.New("PostgreSQL is missing: apt-get install postgresql")
	}
	bin := slices.Max(found)
	var as *syscall.SysProcAttr
	if os.Geteuid() == 0 {
		owner, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		//nolint:gosec // ids of a user
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		if err := errors.Join(os.Chown(dir, uid, gid), reachable(dir)); err != nil {
			return nil, err
		}
	}
	s := &Server{dir: filepath.Join(dir, "cluster"), run: func(name string, args ...string) error {
		//nolint:gosec // of Debian
		cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(bin, name), args...)
		cmd.SysProcAttr, cmd.Dir = as, dir
		//nolint:gosec // ours
		log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer func() { _ = log.Close() }() // the process has its own handle
		cmd.Stdout, cmd.Stderr = log, log  // no pipe: the server goes on with it
		if err := cmd.Run(); err != nil {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s: %w: %s", name, err, text)
		}
		return nil
	}}
	if err := s.run("initdb", "--pgdata", s.dir, "--auth", "trust", "--username", "bench", "--no-locale"); err != nil {
		return nil, err
	}
	options := "-c listen_addresses= -c fsync=on -c synchronous_commit=on -c shared_buffers=512MB " +
		"-c max_wal_size=4GB -c max_connections=300 -k " + dir
	if err := s.run("pg_ctl", "start", "--wait", "--pgdata", s.dir, "-l", filepath.Join(dir, "server.log"), "-o",
		options); err != nil {
		return nil, err
	}
	s.URL = "host=" + dir + " user=bench dbname=postgres"
	return s, nil
}

// reachable lets everybody pass through the directories above dir.
func reachable(dir string) error {
	parent := filepath.Dir(dir)
	info, err := os.Stat(parent)
	if err != nil {
		return err
	}
	return os.Chmod(parent, info.Mode().Perm()|0o011)
}

// Stop stops the server.
func (s *Server) Stop() error {
	return s.run("pg_ctl", "stop", "--wait", "--mode", "fast", "--pgdata", s.dir)
}

// postgres stores each order in a transaction of three inserts. The customer is an indexed column.
type postgres struct {
	server    *Server
	pool      *pgxpool.Pool
	pipelined bool
}

const (
	insertKey     = "INSERT INTO keys VALUES ($1, $2)"
	insertOrder   = "INSERT INTO orders VALUES ($1, $2, $3)"
	insertMessage = "INSERT INTO messages VALUES ($1, $2)"
)

// OpenPostgres starts a server in dir and makes the tables. Each order takes five round trips: begin, three inserts,
// commit.
func OpenPostgres(ctx context.Context, dir string) (Store, error) {
	return asStore(openPostgres(ctx, dir, false))
}

// OpenPostgresPipelined is OpenPostgres with all of a transaction in one round trip.
func OpenPostgresPipelined(ctx context.Context, dir string) (Store, error) {
	return asStore(openPostgres(ctx, dir, true))
}

func asStore(s *postgres, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openPostgres(ctx context.Context, dir string, pipelined bool) (*postgres, error) {
	server, err := StartPostgres(ctx, dir)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, server.URL+" pool_max_conns=256")
	if err == nil {
		_, err = pool.Exec(ctx, `
			CREATE TABLE keys (hash bytea PRIMARY KEY, id bytea NOT NULL);
			CREATE TABLE orders (id bytea PRIMARY KEY, customer text NOT NULL, payload bytea NOT NULL);
			CREATE INDEX customers ON orders (customer, id);
			CREATE TABLE messages (number bytea PRIMARY KEY, message bytea NOT NULL);`)
	}
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return &postgres{server, pool, pipelined}, nil
}

// Place implements Store. The primary key of the keys refuses a repeated one.
func (s *postgres) Place(ctx context.Context, n int64) error {
	r := recordsOf(n)
	customer := string(r.customer[:len(r.customer)-len(r.id)-1])
	if s.pipelined {
		var batch pgx.Batch // sent at once, it is one transaction
		batch.Queue(insertKey, r.key, r.keyValue)
		batch.Queue(insertOrder, r.id, customer, r.payload)
		batch.Queue(insertMessage, r.number, r.message)
		return stored(s.pool.SendBatch(ctx, &batch).Close())
	}
	return stored(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, insertKey, r.key, r.keyValue); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertOrder, r.id, customer, r.payload); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertMessage, r.number, r.message)
		return err
	}))
}

func (s *postgres) Count() (n int64, err error) {
	err = s.pool.QueryRow(context.Background(), "SELECT count(*) FROM orders").Scan(&n)
	return n, err
}

func (s *postgres) Close() error {
	s.pool.Close()
	return s.server.Stop()
}
