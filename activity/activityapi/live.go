package activityapi

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"ordertally/activity"
	"ordertally/shared/auth"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web/problem"
)

// Limits of the live streams.
const (
	// DefaultListeners is how many streams may be open at once.
	DefaultListeners = 2000
	maxZones         = 64 // for which streams are open
	zonesShare       = 16 // of maxZones, for one caller
	liveInterval     = 250 * time.Millisecond
	lagInterval      = time.Second // between two looks at the lag
	heartbeat        = 15 * time.Second
	replayed         = 256 // events that a returning listener can still get
	linger           = time.Minute
	writeTimeout     = 10 * time.Second // of one event to one listener
	idleShare        = 4                // after an event, computing pauses this many times as long as the event took
)

// live holds the streams of one activity. Nothing runs while nobody listens. All that it costs the ingest is closing a
// channel after a commit that somebody waits for.
type live struct {
	api    *API
	act    *Activity
	epochs *uuidv7.Source

	mu      sync.Mutex
	closed  bool
	streams map[string]*stream // by zone
	zones   map[[2]string]int  // how many streams a client has open in a zone
	share   map[string]int     // how many zones a client has streams in
}

// enter records that a client listens to a zone. It returns false if the client already listens to zonesShare other
// zones.
func (l *live) enter(client string, zone activity.Zone) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := [2]string{client, zone.String()}
	if l.zones[at] == 0 {
		if client != "" && l.share[client] >= zonesShare {
			return false
		}
		l.share[client]++
	}
	l.zones[at]++
	return true
}

// exit undoes enter.
func (l *live) exit(client string, zone activity.Zone) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := [2]string{client, zone.String()}
	if l.zones[at]--; l.zones[at] > 0 {
		return
	}
	delete(l.zones, at)
	if l.share[client]--; l.share[client] == 0 {
		delete(l.share, client)
	}
}

// close keeps new streams from beginning.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// stream is the current day in one zone, as events. One goroutine makes them. It runs while somebody listens, and for
// linger after that.
type stream struct {
	zone      activity.Zone
	epoch     string // prefix of its events' ids; unique among all streams, ended ones included
	mu        sync.Mutex
	ring      []event       // the newest events, oldest first
	snapshot  event         // the whole day, as of the newest event
	more      chan struct{} // closed at the next event
	listeners int
	left      time.Time     // when the last listener went
	failed    bool          // the statistics could not be read; the streams end
	dropped   chan struct{} // closed when another stream needs its place
}

// event is an encoded event. Any listener can get it.
type event struct {
	number uint64
	bytes  []byte
}

func newLive(a *API, act *Activity) *live {
	return &live{
		api:     a,
		act:     act,
		epochs:  uuidv7.NewSource(a.clock, 0, uuidv7.ID{}),
		streams: make(map[string]*stream),
		zones:   make(map[[2]string]int),
		share:   make(map[string]int),
	}
}

// live answers with a stream of events. It ends when the client goes or the service stops.
func (a *API) live(w http.ResponseWriter, r *http.Request) {
	act, err := a.activity(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	query, err := parameters(r, "tz")
	if err != nil {
		a.fail(w, r, err)
		return
	}
	zone, err := a.zoneOf(query)
	if err == nil {
		_, err = activity.NewDay(zone, zone.DateOf(a.clock.Now()))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if r.Method == http.MethodHead { // nobody will listen, so no stream begins
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		return
	}
	client := clientOf(r)
	if !a.listeners.TryAcquire(client, 1) {
		a.fail(w, r, tooMany())
		return
	}
	defer a.listeners.Release(client, 1)
	l := a.lives[act.Name]
	if !l.enter(client, zone) {
		a.fail(w, r, tooMany())
		return
	}
	defer l.exit(client, zone)
	s, err := l.join(zone)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer s.leave()
	l.send(w, r, s)
}

func tooMany() error {
	p := problem.KindUnavailable.New(
		"As many live streams are open as there may be, in all or for one caller; ask again in a moment, or for the " +
			"day itself.",
	)
	p.RetryAfter = 5 * time.Second
	return p
}

// join returns the stream of a zone. It begins one if there is none.
func (l *live) join(zone activity.Zone) (*stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[zone.String()]
	if s == nil {
		if l.closed || len(l.streams) >= maxZones && !l.dropIdle() {
			return nil, tooMany()
		}
		s = &stream{zone: zone, epoch: l.epochs.Next().String(), more: make(chan struct{}),
			dropped: make(chan struct{})}
		l.streams[zone.String()] = s
		l.api.running.Go(func() { l.run(s) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners++
	return s, nil
}

// dropIdle ends the stream that has been without listeners for longest, and reports whether there was one. A lingering
// stream must not keep a listener out. The caller holds the lock.
func (l *live) dropIdle() bool {
	var oldest *stream
	var left time.Time
	for _, s := range l.streams {
		s.mu.Lock()
		if s.listeners == 0 && (oldest == nil || s.left.Before(left)) {
			oldest, left = s, s.left
		}
		s.mu.Unlock()
	}
	if oldest == nil {
		return false
	}
	delete(l.streams, oldest.zone.String())
	close(oldest.dropped)
	return true
}

func (s *stream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners--
	s.left = time.Now()
}

// send writes the stream to one listener. A listener that names the last event it saw gets what it missed. Any other
// begins with a snapshot. One that falls too far behind gets a snapshot instead of the events it missed.
func (l *live) send(w http.ResponseWriter, r *http.Request, s *stream) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Accel-Buffering", "no") // or nginx would buffer the events
	control := http.NewResponseController(w)
	push := func(text []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // or the server's deadline would end the stream
		if _, err := w.Write(text); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !push([]byte("retry: 1000\n\n")) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	expired, revoked, stop := auth.FromContext(r.Context()).Ended()
	defer stop()
	seen := s.seen(r.Header.Get("Last-Event-ID"))
	for {
		text, next, more, failed := s.after(seen)
		if failed || len(text) > 0 && !push(text) {
			return
		}
		seen = next
		select {
		case <-more:
		case <-beat.C:
			if !push([]byte(": still here\n\n")) {
				return
			}
		case <-expired: // the client may return with another credential
			return
		case <-revoked:
			return
		case <-r.Context().Done():
			return
		case <-l.api.done:
			return
		}
	}
}

// seen returns the number of the last event that a listener saw. It is 0 if the listener has to begin with a snapshot.
func (s *stream) seen(lastEventID string) uint64 {
	number, found := strings.CutPrefix(lastEventID, s.epoch+".")
	if !found {
		return 0
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// after returns what a listener that has seen an event gets next, and the channel to wait on.
func (s *stream) after(seen uint64) (text []byte, next uint64, more <-chan struct{}, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := s.snapshot.number
	switch {
	case seen == newest || newest == 0:
	case seen > 0 && seen < newest && len(s.ring) > 0 && s.ring[0].number <= seen+1:
		for _, e := range s.ring {
			if e.number > seen {
				text = append(text, e.bytes...)
			}
		}
	default:
		text = s.snapshot.bytes
	}
	return text, newest, s.more, s.failed
}
