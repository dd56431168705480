package declare

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"ordertally/activity"
	"ordertally/activity/measure"
	"ordertally/shared/event/cloudevent"
)

var (
	nameForm  = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)
	topicForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)
)

// reserved are the names that an answer has itself.
var reserved = []string{
	"activity",
	"day",
	"tz",
	"from",
	"to",
	"by",
	"days",
	"periods",
	"count",
	"first",
	"last",
	"stats",
	"dimensions",
	"hours",
	"hour",
	"minutes",
	"minute",
	"as_of",
	"lag",
	"final",
	"partial",
	"unavailable",
	"starts_at",
	"ends_at",
	"value",
	"rest",
	"not_told_apart",
	"digest",
}

// definition reads an activity, and notes what is wrong with it. lines has the lines of earlier activities, by name.
func (it *item) definition(lines map[string]int) activity.Definition {
	def := activity.Definition{}
	if !it.read() {
		return def
	}
	it.name(&def, lines)
	topic, line := it.text("topic")
	if def.Topic = topic; it.lacks("topic") {
		it.fault(line, "topic", errors.New("it has none: say which topic it is read from"))
	} else if def.Topic != "" && !topicForm.MatchString(def.Topic) {
		it.fault(line, "topic", fmt.Errorf("%.80q is not the name of a topic", def.Topic))
	}
	def.Type, _ = it.text("type")
	def.Schema, _ = it.text("schema")
	var used uses
	for _, p := range []struct {
		key, otherwise string
		path           *activity.FactPath
	}{
		{"type-at", "header:" + cloudevent.HeaderType, &def.TypeAt},
		{"id", "header:" + cloudevent.HeaderID, &def.ID},
		{"subject", "", &def.Subject},
	} {
		text, line := it.text(p.key)
		var err error
		if *p.path, err = parseFactPath(text, p.otherwise); err != nil {
			it.fault(line, p.key, err)
		}
		used.add(line, p.key, p.path.Path)
	}
	text, timeLine := it.text("time")
	var err error
	if def.At, def.AtForm, err = parseTime(text); err != nil {
		it.fault(timeLine, "time", err)
	}
	used.add(timeLine, "time", def.At.Path)
	it.measures(&def, &used)
	it.dimensions(&def, &used)
	for _, written := range it.list("rules", maxRules) {
		rule, err := measure.ParseRule(written.text)
		if err != nil {
			it.fault(written.line, "rules", err)
			continue
		}
		def.Rules = append(def.Rules, rule)
		if rule.Exists { // of anything, objects too
			used.paths = append(used.paths, rule.Path)
			continue
		}
		for _, path := range append([]measure.Path{rule.Path}, rule.Factors...) {
			used.add(written.line, "rules", path)
		}
	}
	used.check(it)
	return def
}

func (it *item) name(def *activity.Definition, lines map[string]int) {
	name, line := it.text("name")
	before, known := lines[name]
	switch {
	case it.lacks("name"):
		it.fault(line, "name",
			errors.New("it has none: write one in capital letters, digits and underscores, such as ORDER_REFUNDED"))
	case name == "": // what is there is no text
	case !nameForm.MatchString(name):
		it.fault(line, "name", fmt.Errorf("%.80q is not the name of an activity: "+
			"write it in capital letters, digits and underscores, at most 64, a letter first", name))
	case known:
		it.fault(line, "name", fmt.Errorf("it is declared twice, first on line %d", before))
	default:
		lines[name] = line
	}
	def.Name = name
}

func (it *item) measures(def *activity.Definition, used *uses) {
	for _, written := range it.texts("measures", maxMeasures) {
		setting := "measures: " + written.name
		m, err := measure.Parse(written.name, written.text)
		if err == nil && slices.Contains(reserved, written.name) {
			err = errors.New("that name has another meaning in answers; choose another")
		}
		if err != nil {
			it.fault(written.line, setting, err)
			continue
		}
		def.Measures = append(def.Measures, m)
		if m.Kind.Objects {
			used.paths = append(used.paths, m.Path)
		} else {
			used.add(written.line, setting, m.Path)
		}
		used.add(written.line, setting, m.By)
	}
	slices.SortFunc(def.Measures, func(a, b measure.Measure) int { return strings.Compare(a.Name, b.Name) })
}

func (it *item) dimensions(def *activity.Definition, used *uses) {
	for _, written := range it.texts("dimensions", maxDimensions) {
		setting := "dimensions: " + written.name
		path, err := measure.ParsePath(written.text)
		if err == nil {
			err = measure.CheckName(written.name)
		}
		if err != nil {
			it.fault(written.line, setting, err)
			continue
		}
		def.Dimensions = append(def.Dimensions, measure.Dimension{Name: written.name, Path: path})
		used.add(written.line, setting, path)
	}
	slices.SortFunc(def.Dimensions, func(a, b measure.Dimension) int { return strings.Compare(a.Name, b.Name) })
}

// uses are the paths of a declaration at which a text or a number has to be.
type uses struct {
	paths []measure.Path // these, and where anything may be
	each  []use
}

type use struct {
	line    int
	setting string
	path    measure.Path
}

func (u *uses) add(line int, setting string, path measure.Path) {
	if path != "" {
		u.paths, u.each = append(u.paths, path), append(u.each, use{line, setting, path})
	}
}

// check refuses a path that must lead to objects, because another one leads on through them. Every event would be
// parked, or have no value.
func (u *uses) check(it *item) {
	for _, one := range u.each {
		for _, other := range u.paths {
			if other.Within(one.path) {
				it.fault(
					one.line,
					one.setting,
					fmt.Errorf("%s holds objects, by %s: name one of their members", one.path, other),
				)
				break
			}
		}
	}
}

func parseFactPath(text, otherwise string) (activity.FactPath, error) {
	if text == "" {
		text = otherwise
	}
	if text == "" {
		return activity.FactPath{}, nil
	}
	if header, found := strings.CutPrefix(text, "header:"); found {
		if header == "" || len(header) > 200 {
			return activity.FactPath{}, errors.New("write header:NAME with the name of a record header")
		}
		return activity.FactPath{Header: header}, nil
	}
	path, err := measure.ParsePath(text)
	return activity.FactPath{Path: path}, err
}

// units are those that a time may be counted in since 1970.
var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond}

// parseTime reads where to find the time, and how it is written.
func parseTime(text string) (path activity.FactPath, form activity.TimeForm, err error) {
	words := strings.Fields(text)
	if len(words) == 1 && words[0] == "record" {
		return path, activity.TimeForm{Record: true}, nil
	}
	where := "header:" + cloudevent.HeaderTime
	if len(words) > 0 {
		where, words = words[0], words[1:]
	}
	if path, err = parseFactPath(where, ""); err != nil {
		return path, form, err
	}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		unit, known := units[value]
		switch {
		case name == "unit" && known && form.Unit == 0:
			form.Unit = unit
		case name == "zone" && form.Zone == (activity.Zone{}):
			if form.Zone, err = activity.LoadZone(value); err != nil {
				return path, form, err
			}
		default:
			return path, form, fmt.Errorf("%.80q is not known: write PATH, PATH unit=s, PATH unit=ms, PATH unit=us, "+
				"PATH zone=Europe/London, or record", word)
		}
	}
	if form.Unit != 0 && form.Zone != (activity.Zone{}) {
		return path, form, errors.New("a number since 1970 is of no zone: write unit= or zone=, not both")
	}
	return path, form, nil
}
