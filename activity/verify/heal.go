package verify

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// remedies collects what heals the differences.
type remedies struct {
	lacking map[string][]span // by order service: when the orders that activity does not know were placed
	parked  bool              // activity has set messages aside
	late    bool
	clash   bool // another message had the id of one
	more    bool // activity counted orders that no order service has
	figures bool // the orders are the same, their figures are not
	again   bool // not everything was looked at
}

// span is a time from one moment to before another.
type span struct{ from, to time.Time }

// together is how far apart two spans may be to become one. What lies between is sent again in vain, and does no harm.
const together = 24 * time.Hour

// add adds a quarter hour that differs. whole says that all its orders were looked at.
func (h *remedies) add(q *Quarter, whole bool) {
	for i := range q.Missing {
		switch m := &q.Missing[i]; m.State {
		case "unknown":
			from := m.PlacedAt.UTC().Truncate(quarter)
			h.lack(m.Service, span{from, from.Add(quarter)})
		case "late":
			h.late = true
		case "conflict":
			h.clash = true
		default:
			h.parked = true
		}
	}
	if !whole {
		h.again = true
		return
	}
	more := q.Activity.Count - q.Order.Count + int64(len(q.Missing))
	switch {
	case more > 0, len(q.Missing) == 0 && more == 0 && q.Order.Digest != q.Activity.Digest:
		h.more = true
	case len(q.Missing) == 0:
		h.figures = true
	}
}

func (h *remedies) lack(service string, s span) {
	if h.lacking == nil {
		h.lacking = map[string][]span{}
	}
	h.lacking[service] = append(h.lacking[service], s)
}

// joined returns spans in order. Those that are less than together apart are one.
func joined(spans []span) (all []span) {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	for _, s := range spans {
		if last := len(all) - 1; last >= 0 && s.from.Sub(all[last].to) <= together {
			all[last].to = s.to
			continue
		}
		all = append(all, s)
	}
	return all
}

// list returns one line for each remedy: the verb, and for what it is.
func (h *remedies) list(name string) (lines []string) {
	add := func(verb, why string) { lines = append(lines, verb+"   ("+why+")") }
	for _, service := range slices.Sorted(maps.Keys(h.lacking)) {
		target := ""
		if service != "" {
			target = " --target " + service
		}
		for _, s := range joined(h.lacking[service]) {
			add(fmt.Sprintf("order republish%s --placed-from %s --placed-to %s", target, s.from.Format(time.RFC3339),
				s.to.Format(time.RFC3339)), "sends the orders that activity does not know again")
		}
	}
	if h.parked {
		add("activity parked retry --activity "+name+" --all", "counts what was parked, once its cause is mended; "+
			"activity parked ls names the cause")
	}
	if h.late {
		add("activity late accept --activity "+name+" --all", "counts what is late, if it was not counted")
	}
	if h.clash {
		add("activity conflicts ls --activity "+name, "names messages whose id another one had; an operator decides")
	}
	if h.more {
		add("order restore --data NEW --base FILE --from-topic", "brings back orders that were counted and that no "+
			"order service has; if another order service publishes to the topic, name it with --orders instead")
	}
	if h.figures {
		add("activity rebuild "+name, "counts again: the orders are the same, and their figures differ")
	}
	if h.again {
		add("activity verify", "again after that: too much differs to look at all of it")
	}
	return lines
}
