// Package load places orders over HTTP as clients do: each with a credential, an idempotency key, a customer and a
// reference. Its connections cost little beside the server.
package load

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"ordertally/bench/sample"
	"ordertally/bench/stores"
)

// Target is a service that takes orders.
type Target struct {
	Addr       string // HOST:PORT
	Credential string
}

// Conn is a connection that places one order at a time.
type Conn struct {
	conn   net.Conn
	reader *bufio.Reader
	// request is that of one order. Key, reference and customer are written over for the next one.
	request                      []byte
	keyAt, referenceAt, customer int
}

// Dial connects.
func Dial(ctx context.Context, t Target) (*Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return nil, err
	}
	body := sample.Body(0)
	request := fmt.Appendf(nil, "POST /v1/orders HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Idempotency-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		t.Addr, t.Credential, sample.Key(0), len(body), body)
	find := func(text string) int { return bytes.Index(request, []byte(text)) }
	return &Conn{
		conn: conn, reader: bufio.NewReader(conn), request: request,
		keyAt: find(sample.Key(0)), referenceAt: find(sample.Reference(0)), customer: find(sample.Customer(0)),
	}, nil
}

// Close closes the connection.
func (c *Conn) Close() { _ = c.conn.Close() }

// Place places order n. Any answer but a 201 is an error.
func (c *Conn) Place(n int64) error {
	copy(c.request[c.keyAt:], sample.Key(n))
	copy(c.request[c.referenceAt:], sample.Reference(n))
	copy(c.request[c.customer:], sample.Customer(n))
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	status, body, err := c.answer()
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("order %d was answered %d: %s", n, status, body)
	}
	return err
}

var contentLength = []byte("Content-Length: ")

// answer reads an answer. It returns the body of an error only.
func (c *Conn) answer() (status int, body []byte, err error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < len("HTTP/1.1 201") {
		return 0, nil, fmt.Errorf("the answer begins with %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, err
	}
	length := 0
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(line, contentLength); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, err
			}
		}
	}
	if status == http.StatusCreated {
		_, err = c.reader.Discard(length)
		return status, nil, err
	}
	body, err = c.reader.Peek(min(length, 500))
	return status, bytes.Clone(body), err
}

// Connections are open connections to one target.
type Connections []*Conn

// Open opens n connections.
func Open(ctx context.Context, t Target, n int) (Connections, error) {
	all := make(Connections, 0, n)
	for range n {
		c, err := Dial(ctx, t)
		if err != nil {
			all.Close()
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Close closes all.
func (all Connections) Close() {
	for _, c := range all {
		c.Close()
	}
}

// Place places orders over each connection for a span of time, the next one when the last is answered.
func (all Connections) Place(ctx context.Context, numbers *stores.Numbers, span time.Duration) (*stores.Wrote, error) {
	return stores.Turn(ctx, len(all), numbers, span, func(i int, n int64) error { return all[i].Place(n) })
}
