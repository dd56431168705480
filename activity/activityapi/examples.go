package activityapi

import "strings"

// exampleDay is the example of a day in the document. The only order on that day is the example of the order service's
// document. Other activities have figures of their own, so they have no example.
func (s shape) exampleDay() any {
	if s.figures() != "customers items revenue units; country" {
		return nil
	}
	type object = map[string]any
	figures := func(o object) object {
		o["count"], o["items"], o["units"], o["revenue"], o["customers"] = 1, 2, 12, object{"GBP": 3564}, 1
		return o
	}
	spread := func(n int) object { return object{"count": 1, "min": n, "mean": n, "max": n} }
	const at = "2010-12-01T08:26:00Z"
	return figures(object{
		"activity": s.def.Name, "day": "2010-12-01", "tz": "Europe/London", "first": at, "last": at,
		"stats": object{"customers": object{"exact": true}, "items": spread(2),
			"revenue": object{"GBP": spread(3564)}, "units": spread(12)},
		"dimensions": object{"country": []object{
			{"value": "United Kingdom", "count": 1, "units": 12, "revenue": object{"GBP": 3564}}}},
		"hours": []object{figures(object{"hour": 8, "starts_at": "2010-12-01T08:00:00Z"})},
		"final": true, "lag": 0, "as_of": object{"at": "2010-12-01T08:26:00.031Z", "offsets": object{"3": 42},
			"lagging": false, "lag": 0},
	})
}

// figures lists the names of measures, then those of dimensions.
func (s shape) figures() string {
	if s.def == nil {
		return ""
	}
	var measures, dimensions []string
	for i := range s.def.Measures {
		measures = append(measures, s.def.Measures[i].Name)
	}
	for i := range s.def.Dimensions {
		dimensions = append(dimensions, s.def.Dimensions[i].Name)
	}
	return strings.Join(measures, " ") + "; " + strings.Join(dimensions, " ")
}
