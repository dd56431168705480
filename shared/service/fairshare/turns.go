package fairshare

import "sync"

// Turns limit how many callers do something at once. Free turns go round the waiting clients, so a client with many
// requests waits behind its own requests, and for only one request of each other client. It is safe for concurrent use.
type Turns struct {
	mu      sync.Mutex
	free    int
	waiting map[string][]*Turn // by client, the oldest first; some may no longer wait
	next    []string           // the clients in waiting, the next first
}

// Turn is one client's turn, or its place in the queue.
type Turn struct {
	of      *Turns
	ready   chan struct{}
	granted bool
	over    bool
}

// NewTurns returns Turns that let that many run at once.
func NewTurns(n int) *Turns { return &Turns{free: n, waiting: make(map[string][]*Turn)} }

// Enter queues for one turn for all the given clients. The first of them that is served gets it. The caller must call
// End.
func (t *Turns) Enter(clients ...string) *Turn {
	turn := &Turn{of: t, ready: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, client := range clients {
		t.add(turn, client)
	}
	t.grant()
	return turn
}

// Also adds a client for which the turn is queued.
func (turn *Turn) Also(client string) {
	t := turn.of
	t.mu.Lock()
	defer t.mu.Unlock()
	if !turn.granted && !turn.over {
		t.add(turn, client)
	}
}

// Ready is closed when the turn has come.
func (turn *Turn) Ready() <-chan struct{} { return turn.ready }

// End returns the turn, or leaves the queue. Further calls do nothing.
func (turn *Turn) End() {
	t := turn.of
	t.mu.Lock()
	defer t.mu.Unlock()
	if turn.over {
		return
	}
	turn.over = true
	if turn.granted {
		t.free++
		t.grant()
		return
	}
	t.sweep()
}

func (t *Turns) add(turn *Turn, client string) {
	if len(t.waiting[client]) == 0 {
		t.next = append(t.next, client)
	}
	t.waiting[client] = append(t.waiting[client], turn)
}

// grant hands free turns to the next clients. The caller holds the lock.
func (t *Turns) grant() {
	for t.free > 0 && len(t.next) > 0 {
		client := t.next[0]
		t.next = t.next[1:]
		queue := t.waiting[client]
		var turn *Turn
		for len(queue) > 0 && turn == nil {
			if !queue[0].granted && !queue[0].over { // otherwise it got its turn as another client's, or has ended
				turn = queue[0]
			}
			queue[0], queue = nil, queue[1:]
		}
		if len(queue) == 0 {
			delete(t.waiting, client)
		} else {
			t.waiting[client] = queue
			t.next = append(t.next, client)
		}
		if turn != nil {
			turn.granted = true
			t.free--
			close(turn.ready)
		}
	}
}

// sweep removes turns whose clients gave up, to free their memory. The caller holds the lock.
func (t *Turns) sweep() {
	kept := t.next[:0]
	for _, client := range t.next {
		queue := t.waiting[client][:0]
		for _, turn := range t.waiting[client] {
			if !turn.granted && !turn.over {
				queue = append(queue, turn)
			}
		}
		if len(queue) == 0 {
			delete(t.waiting, client)
			continue
		}
		t.waiting[client] = queue
		kept = append(kept, client)
	}
	t.next = kept
}
