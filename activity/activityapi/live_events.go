package activityapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ordertally/activity"
	"ordertally/shared/service/lifecycle"
)

// run makes the stream's events. A panic ends this stream only, as an error does. Its listeners can come back to a new
// one.
func (l *live) run(s *stream) {
	err := lifecycle.Guard(context.Background(), func(context.Context) error { l.write(s); return nil })
	if p, panicked := errors.AsType[*lifecycle.PanicError](err); panicked {
		l.api.logger.Error().Str("tz", s.zone.String()).Str("panic", fmt.Sprint(p.Value)).Str("stack",
			string(p.Stack)).Msg("a live stream panicked: it ends")
		l.end(s, true)
	}
}

// write makes the stream's events: at the start, after commits, and at midnight. It returns once nobody has listened
// for linger.
func (l *live) write(s *stream) {
	var before map[string]string // the minutes as the last event had them
	var day activity.Date
	look := time.NewTicker(linger / 4)
	defer look.Stop()
	lag := time.NewTicker(lagInterval)
	defer lag.Stop()
	for {
		began := time.Now()
		applied := l.act.Progress.Applied()
		now := l.api.clock.Now()
		today := s.zone.DateOf(now)
		if today != day {
			before, day = nil, today
		}
		minutes, given, err := l.make(s, today, before)
		if err != nil {
			l.api.logger.Error().Err(err).Msg("cannot read the statistics for live streams")
			l.end(s, true)
			return
		}
		before = minutes
		pace := time.NewTimer(max(liveInterval, idleShare*time.Since(began)))
		midnight := time.NewTimer(given.ends.Sub(now))
		for waits := true; waits; {
			select {
			case <-applied:
				waits = false
			case <-midnight.C:
				waits = false
			// The lag may change without a commit: only control records are left, or Kafka went away.
			case <-lag.C:
				waits = l.lags(given)
			case <-look.C:
			case <-s.dropped:
				return
			case <-l.api.done:
				l.end(s, true)
				return
			}
			if s.idle() && l.end(s, false) {
				return
			}
		}
		midnight.Stop()
		select {
		case <-pace.C:
		case <-s.dropped:
			return
		case <-l.api.done:
			l.end(s, true)
			return
		}
	}
}

// lags reports whether as many messages wait as an answer says.
func (l *live) lags(given *answer) bool {
	lag, known := l.act.lag()
	return given.final || lag == given.lag && known == given.known
}

// idle reports whether nobody has listened for linger.
func (s *stream) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners == 0 && time.Since(s.left) > linger
}

// end removes the stream, so that the next listener begins another. If somebody listens, it does nothing and returns
// false. A failed stream is removed in any case, and its listeners are sent away.
func (l *live) end(s *stream, failed bool) (ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !failed && s.listeners > 0 {
		return false
	}
	if l.streams[s.zone.String()] == s { // another stream may have taken its place
		delete(l.streams, s.zone.String())
	}
	if failed {
		s.failed = true
		close(s.more)
	}
	return true
}

// make makes the next event. It returns the day's minutes as the event has them, and the answer behind it.
func (l *live) make(s *stream, today activity.Date, before map[string]string) (sent map[string]string, given *answer,
	err error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	days, err := activity.NewDay(s.zone, today)
	if err != nil {
		return nil, nil, err
	}
	var series activity.MinuteSeries
	given, err = l.api.answer(ctx, l.act, days, func(q activity.Quarter, t *activity.Totals) {
		days.Add(q, t)
		if _, inside := days.Of(q); inside {
			series.Add(q, t)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	def := &l.act.Definition
	all := minutesBody(def, series.All())
	changed := []object{}
	sent = make(map[string]string, len(all))
	for i, minute := range all {
		text, err := json.Marshal(minute)
		if err != nil {
			return nil, nil, err
		}
		name := series.All()[i].Starts.Format(time.RFC3339)
		if sent[name] = string(text); before[name] != string(text) {
			changed = append(changed, minute)
		}
	}
	body := func(minutes []object) object {
		o := object{{"activity", l.act.Name}, {"day", today.String()}, {"tz", s.zone.String()}}
		o.addFigures(def, &days.All()[0].Totals)
		o.add("minutes", minutes)
		o.addState(given)
		return o
	}
	return sent, given, s.put(before == nil, body(all), body(changed))
}

// put gives an event to all listeners.
func (s *stream) put(anew bool, whole, change object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := s.snapshot.number + 1
	snapshot, err := encodeEvent(s.epoch, number, "snapshot", whole)
	if err != nil {
		return err
	}
	update := snapshot
	if !anew {
		if update, err = encodeEvent(s.epoch, number, "update", change); err != nil {
			return err
		}
	}
	s.snapshot = event{number, snapshot}
	s.ring = append(s.ring, event{number, update})
	s.ring = s.ring[max(0, len(s.ring)-replayed):]
	close(s.more)
	s.more = make(chan struct{})
	return nil
}

func encodeEvent(epoch string, number uint64, kind string, body object) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\nid: %s.%d\ndata: %s\n\n", kind, epoch, number, data)
	return b.Bytes(), nil
}
