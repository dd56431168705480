package activityapi

import (
	"slices"
	"strconv"
	"strings"

	"ordertally/activity"
	"ordertally/activity/measure"
	"ordertally/shared/web/openapi"
)

var (
	date   = &openapi.Schema{Type: "string", Format: "date"}
	moment = &openapi.Schema{Type: "string", Format: "date-time"}
	whole  = openapi.Integer(0)
	text   = &openapi.Schema{Type: "string"}
	yes    = &openapi.Schema{Type: "boolean"}
)

// partial is a member of a day.
var partial = openapi.Said(&openapi.Schema{Type: "boolean"},
	"The topic had forgotten its beginning when it was read, and lacks "+
		"records that the day may consist of. Left out when the figures are complete.")

func list(of *openapi.Schema, says string) *openapi.Schema {
	return &openapi.Schema{Type: "array", Items: of, Description: says}
}

// shape makes the schemas of answers that contain measures and dimensions, for one activity or for any.
type shape struct {
	name string               // prefix of the schemas' names
	def  *activity.Definition // nil for any activity: its figures are of schema Figure
}

// anyActivity is the shape that fits all activities.
var anyActivity = shape{}

// shapes gives each activity its shape: ORDER_CREATED is OrderCreated. A schema's name is that plus a word for its
// content, such as Day. No such word ends in another one, so no two schemas have the same name, whatever activities are
// declared.
func shapes(defs []activity.Definition) []shape {
	taken := map[string]bool{}
	all := make([]shape, 0, len(defs))
	for i := range defs {
		var name strings.Builder
		for word := range strings.SplitSeq(defs[i].Name, "_") {
			if word != "" {
				name.WriteString(word[:1] + strings.ToLower(word[1:]))
			}
		}
		unique := name.String()
		for n := 2; taken[unique]; n++ { // A_2 and A2 would have the same name
			unique = name.String() + strconv.Itoa(n)
		}
		taken[unique] = true
		all = append(all, shape{unique, &defs[i]})
	}
	return all
}

// object returns the schema of an object: the given members, the count, and the figure of each measure kept there.
func (s shape) object(
	says string,
	required []string,
	properties map[string]*openapi.Schema,
	kept func(*measure.Measure) bool,
) *openapi.Schema {
	properties["count"] = openapi.Said(whole, "How many events.", 1)
	made := &openapi.Schema{
		Type:                 "object",
		Description:          says,
		Required:             append(required, "count"),
		Properties:           properties,
		AdditionalProperties: false,
	}
	if s.def == nil {
		made.AdditionalProperties = openapi.Ref(anyFigure().Name)
		return made
	}
	for i := range s.def.Measures {
		m := &s.def.Measures[i]
		if !kept(m) {
			continue
		}
		properties[m.Name] = schemaOf(m.Kind.Form(m))
		made.Required = append(made.Required, m.Name)
	}
	return made
}

// These say which measures are kept: everywhere, or in minutes and in values of dimensions.
func everyMeasure(*measure.Measure) bool { return true }
func sums(m *measure.Measure) bool       { return m.Kind.Sums }

// details adds what is known of a range besides its figures.
func (s shape) details(properties map[string]*openapi.Schema) map[string]*openapi.Schema {
	properties["first"] = openapi.Said(moment, "The first event, in UTC. Left out when there is none.")
	properties["last"] = openapi.Said(moment, "The last event, in UTC. Left out when there is none.")
	stats := &openapi.Schema{
		Type:        "object",
		Description: "Of each measure that has events, what else is known of it.",
	}
	properties["stats"] = stats
	if s.def == nil {
		stats.AdditionalProperties = &openapi.Schema{Type: "object"}
		return properties
	}
	stats.AdditionalProperties, stats.Properties = false, map[string]*openapi.Schema{}
	for i := range s.def.Measures {
		m := &s.def.Measures[i]
		stats.Properties[m.Name] = schemaOf(m.Kind.Details(m))
	}
	return properties
}

// dimensions adds the values of each dimension.
func (s shape) dimensions(properties map[string]*openapi.Schema) map[string]*openapi.Schema {
	values := list(
		openapi.Ref(s.name+"Value"),
		"At most 100 values, those with the highest count first, then all others as one.",
	)
	made := &openapi.Schema{
		Type: "object",
		Description: "The figures by the values of each dimension. An event counts under its value; an event with " +
			"several values, such as a list of tags, counts under each. " +
			"If the values are members of objects in an array, such as the articles of an order's lines, the objects " +
			"are counted instead: count is the number of lines with the article, and the sums are of members of " +
			"these lines.",
	}
	if s.def == nil {
		made.AdditionalProperties = values
	} else {
		made.AdditionalProperties, made.Properties = false, map[string]*openapi.Schema{}
		for i := range s.def.Dimensions {
			made.Properties[s.def.Dimensions[i].Name] = values
		}
	}
	properties["dimensions"] = made
	return properties
}

// value returns the schema of one value of a dimension.
func (s shape) value() openapi.Named {
	made := openapi.Named{
		Name: s.name + "Value",
		Schema: s.object("The sums of one value of a dimension.", []string{"value"}, map[string]*openapi.Schema{
			"value": openapi.Said(
				text,
				"The value; empty for events without one.",
				"United Kingdom",
			),
			"rest": openapi.Said(yes, "True if this is the total of all other values. Left out otherwise."),
			"not_told_apart": openapi.Said(
				openapi.Integer(1),
				"How many of the rest were not kept by value: their quarter hour and partition had 1,000 values "+
					"already, or the value is over 128 bytes. "+
					"Some of them may belong to a value that is listed. Left out when there are none.",
			),
		}, sums),
	}
	if s.def == nil {
		return made
	}
	for i := range s.def.Measures {
		m := &s.def.Measures[i]
		for j := range s.def.Dimensions {
			if m.Kind.Sums && !s.def.Dimensions[j].Has(m) {
				made.Schema.Required = slices.DeleteFunc(
					made.Schema.Required,
					func(name string) bool { return name == m.Name },
				)
				of := *made.Schema.Properties[m.Name]
				of.Description += " Left out if the elements of an array are counted and the measure is not inside " +
					"them."
				made.Schema.Properties[m.Name] = &of
				break
			}
		}
	}
	return made
}

// parts returns the schemas that the others refer to.
func (s shape) parts() []any { return append(s.objects(), asOf{}, anyFigure(), s.value()) }

// state adds the members final, lag and as_of.
func state(s *openapi.Schema) *openapi.Schema {
	s.Properties["final"] = openapi.Said(
		yes,
		"The range is over and all was counted that Kafka had by its end: only a backdated event changes it. It has "+
			"an ETag.",
	)
	s.Properties["lag"] = openapi.Said(
		whole,
		"As as_of has it: how many messages wait. Left out when it is not known.",
		0,
	)
	ref := openapi.Ref("AsOf")
	ref.Description = "What the answer contains."
	s.Properties["as_of"] = ref
	s.Required = append(s.Required, "final", "as_of")
	return s
}

// about adds the members that say what an answer is about.
func about(properties map[string]*openapi.Schema) map[string]*openapi.Schema {
	properties["activity"] = openapi.Said(text, "The activity that was asked for.", "ORDER_CREATED")
	return properties
}

func aboutDay(properties map[string]*openapi.Schema) map[string]*openapi.Schema {
	properties["day"] = openapi.Said(date, "The day, in the zone tz.", "2010-12-01")
	properties["tz"] = openapi.Said(text, "The IANA time zone that the day is of.", "Europe/London")
	return about(properties)
}

func (s shape) day() openapi.Named {
	hour := openapi.Named{
		Name: s.name + "Hour",
		Schema: s.object(
			"One hour of a day. A day in which the clocks change has 23 or 25.",
			[]string{"hour", "starts_at"},
			map[string]*openapi.Schema{
				"hour": openapi.Said(
					&openapi.Schema{Type: "integer", Format: "int32", Minimum: new(0.0), Maximum: new(23.0)},
					"The hour on the clocks of the zone.",
					8,
				),
				"starts_at": openapi.Said(moment, "When it begins, with the zone's offset.", "2010-12-01T08:00:00Z"),
			},
			everyMeasure,
		),
	}
	return openapi.Named{
		Name:  s.name + "Day",
		Parts: append(s.parts(), hour),
		Schema: state(s.object(
			"The figures of one day.",
			[]string{"activity", "day", "tz", "hours"},
			s.dimensions(
				s.details(
					aboutDay(
						map[string]*openapi.Schema{
							"hours":   list(openapi.Ref(hour.Name), "All hours of the day, in order."),
							"partial": partial,
						},
					),
				),
			),
			everyMeasure,
		)),
	}
}

func (s shape) days() openapi.Named {
	day := openapi.Named{
		Name: s.name + "DayOfRange",
		Schema: s.object("The figures of one day of a range.", []string{"day"}, s.details(map[string]*openapi.Schema{
			"day":     openapi.Said(date, "The day.", "2010-12-01"),
			"partial": partial,
			"unavailable": openapi.Said(
				text,
				"Why the day is unavailable: the zone's offset from UTC is not a multiple of a quarter hour, or its "+
					"clocks changed inside one. "+
					"The day then has no figures, not even a count. Left out if the day is available.",
			),
		}), everyMeasure),
	}
	day.Schema.Required = []string{"day"} // an unavailable day has no figures
	period := func(name, example string) openapi.Named {
		return openapi.Named{
			Name: s.name + strings.ToUpper(name[:1]) + name[1:],
			Schema: s.object(
				"The figures of one "+name+", or of as much of it as lies in the range.",
				[]string{name, "from", "to"},
				s.dimensions(s.details(map[string]*openapi.Schema{
					name: openapi.Said(
						text,
						"Its name.",
						example,
					),
					"from": openapi.Said(date, "Its first day in the range."),
					"to":   openapi.Said(date, "Its last day in the range, included."),
					"partial": openapi.Said(
						yes,
						"Some of its days are unavailable: see unavailable. Or the topic had forgotten its beginning "+
							"when it was read, and lacks records that the period may consist of. Left out when the "+
							"figures are "+
							"complete.",
					),
					"unavailable": list(
						date,
						"The days of the period that are unavailable; a range by day gives the reasons. The figures "+
							"exclude them, and partial is true. Left out when there are none.",
					),
				})),
				everyMeasure,
			),
		}
	}
	week, month := period("week", "2010-W48"), period("month", "2010-12")
	return openapi.Named{
		Name:  s.name + "Days",
		Parts: append(s.parts(), day, week, month),
		Schema: state(&openapi.Schema{
			Type:                 "object",
			Required:             []string{"activity", "tz", "from", "to"},
			AdditionalProperties: false,
			Description: "The figures of a range of days, the oldest first. Days, weeks and months without " +
				"events are included, with zeros. A day without figures is marked unavailable.",
			Properties: about(map[string]*openapi.Schema{
				"tz": openapi.Said(
					text,
					"The IANA time zone that the days are of.",
					"Europe/London",
				),
				"from": openapi.Said(date, "The first day."),
				"to":   openapi.Said(date, "The last day, included."),
				"by": openapi.Said(
					openapi.Enum(activity.ByWeek, activity.ByMonth),
					"How the days are put together. Left out of a range by day.",
				),
				"days": list(
					openapi.Ref(day.Name),
					"Of a range by day.",
				),
				"weeks":  list(openapi.Ref(week.Name), "Of a range by week (ISO 8601)."),
				"months": list(openapi.Ref(month.Name), "Of a range by month."),
			}),
		}),
	}
}

func (s shape) minutes() openapi.Named {
	minute := openapi.Named{
		Name: s.name + "Minute",
		Schema: s.object(
			"The sums of one minute.",
			[]string{"minute"},
			map[string]*openapi.Schema{
				"minute": openapi.Said(moment, "When it begins, in UTC.", "2010-12-01T08:26:00Z"),
			},
			sums,
		),
	}
	return openapi.Named{Name: s.name + "Minutes", Parts: append(s.parts(), minute), Schema: state(&openapi.Schema{
		Type:                 "object",
		Required:             []string{"activity", "day", "tz", "minutes"},
		AdditionalProperties: false,
		Description:          "The minutes of a day that have events.",
		Properties: aboutDay(
			map[string]*openapi.Schema{"minutes": list(openapi.Ref(minute.Name), "In order.")},
		),
	})}
}

func (s shape) digests() openapi.Named {
	quarter := openapi.Named{
		Name: s.name + "Quarter",
		Schema: s.object("The figures of a quarter hour.", []string{"starts_at"}, map[string]*openapi.Schema{
			"starts_at": openapi.Said(moment, "When it begins, in UTC."),
			"digest": openapi.Said(
				text,
				"A digest of the ids of what the events are about, which does not depend on their order.",
			),
		}, everyMeasure),
	}
	return openapi.Named{Name: s.name + "Digests", Parts: append(s.parts(), quarter), Schema: state(&openapi.Schema{
		Type:                 "object",
		Required:             []string{"activity", "from", "to", "quarters"},
		AdditionalProperties: false,
		Description:          "The quarter hours of a range of UTC days that have events.",
		Properties: about(map[string]*openapi.Schema{
			"from": openapi.Said(
				date,
				"The first day, in UTC.",
			),
			"to":       openapi.Said(date, "The last day, included."),
			"quarters": list(openapi.Ref(quarter.Name), "In order."),
		}),
	})}
}
