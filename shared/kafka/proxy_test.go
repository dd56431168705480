package kafka_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// These are the requests of Kafka's protocol that a proxy can be told to spoil.
const (
	produceRequest         = 0
	endTxnRequest          = 26
	txnOffsetCommitRequest = 28
)

// proxy stands between clients and one broker. It breaks a connection at a chosen request.
type proxy struct {
	address string                 // for clients
	broker  atomic.Pointer[string] // known once the broker runs; a client may come before

	spoil atomic.Pointer[spoiling]
	cuts  atomic.Int32
	ended sync.WaitGroup
}

// spoiling says which request breaks its connection next: before it is passed on, or when its answer comes. A silent
// one stays open, and nothing is passed on any more.
type spoiling struct {
	request uint16
	before  bool
	silent  bool
}

func startProxy(t *testing.T) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: listener.Addr().String()}
	p.broker.Store(new(string))
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	p.ended.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			broker, err := net.Dial("tcp", *p.broker.Load())
			if err != nil {
				_ = client.Close()
				continue
			}
			mu.Lock()
			open[client], open[broker] = true, true
			mu.Unlock()
			p.pass(client, broker)
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		p.ended.Wait()
	})
	return p
}

// pass copies requests and answers until one side ends or the connection is to break.
func (p *proxy) pass(client, broker net.Conn) {
	var cut atomic.Int64 // the correlation id of the answer that must not arrive, plus 1
	end := func() {
		_ = client.Close()
		_ = broker.Close()
	}
	p.ended.Go(func() {
		defer end()
		for {
			frame, err := readFrame(client)
			if err != nil {
				return
			}
			key, id := binary.BigEndian.Uint16(frame[4:]), binary.BigEndian.Uint32(frame[8:])
			if s := p.spoil.Load(); s != nil && s.request == key && p.spoil.CompareAndSwap(s, nil) {
				p.cuts.Add(1)
				if s.silent {
					_, _ = io.Copy(io.Discard, client)
				}
				if s.before || s.silent {
					return
				}
				cut.Store(int64(id) + 1)
			}
			if _, err := broker.Write(frame); err != nil {
				return
			}
		}
	})
	p.ended.Go(func() {
		defer end()
		for {
			frame, err := readFrame(broker)
			if err != nil || cut.Load() == int64(binary.BigEndian.Uint32(frame[4:]))+1 {
				return
			}
			if _, err := client.Write(frame); err != nil {
				return
			}
		}
	})
}

// readFrame reads a request or an answer, with its length in front.
func readFrame(from io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	frame := append(length[:], make([]byte, binary.BigEndian.Uint32(length[:]))...)
	_, err := io.ReadFull(from, frame[4:])
	return frame, err
}
