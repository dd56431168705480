package activityapi

import (
	"net/http"

	"ordertally/activity"
	"ordertally/shared/web/problem"
)

// refusals maps each code of the domain to its kind of problem.
var refusals = map[activity.Code]problem.Kind{
	activity.CodeUnknownActivity: {Status: http.StatusNotFound, Code: string(activity.CodeUnknownActivity),
		Says:     "No activity has that name; GET /v1/activities lists them.",
		Client:   "Use a name that `GET /v1/activities` lists.",
		Operator: "If the activity should be there, declare it in the settings file and restart the service.",
	},
	activity.CodeInvalidDay: {Status: http.StatusBadRequest, Code: string(activity.CodeInvalidDay),
		Says:   "A day does not exist, or is not written YYYY-MM-DD.",
		Client: "Write the day as YYYY-MM-DD, or `today`.",
	},
	activity.CodeInvalidZone: {Status: http.StatusBadRequest, Code: string(activity.CodeInvalidZone),
		Says:   "tz is not the name of an IANA time zone.",
		Client: "Use a name such as `Europe/London`. `Local` and offsets such as `+01:00` are none.",
	},
	activity.CodeInvalidRange: {Status: http.StatusBadRequest, Code: string(activity.CodeInvalidRange),
		Says:   "The range ends before it begins, or by is no way to put days together.",
		Client: "Give `from` before `to`, and `by` as `day`, `week` or `month`.",
	},
	activity.CodeRangeTooLong: {Status: http.StatusBadRequest, Code: string(activity.CodeRangeTooLong),
		Says:   "The range has more than 400 days.",
		Client: "Ask for 400 days at a time.",
	},
	activity.CodeOffQuarterHour: {
		Status: http.StatusUnprocessableEntity,
		Code:   string(activity.CodeOffQuarterHour),
		Says: "On that day the zone's offset from UTC is not a multiple of a quarter hour, or its clocks changed " +
			"inside one. A range has its other days.",
		Client: "Ask for the day in another zone, or for its minutes in UTC. Statistics are kept by quarter hour.",
	},
	activity.CodeNoRebuild: {Status: http.StatusNotFound, Code: string(activity.CodeNoRebuild),
		Says:   "The activity is not being counted again.",
		Client: "Begin one: `activity rebuild NAME`.",
	},
	activity.CodeRebuildBehind: {Status: http.StatusConflict, Code: string(activity.CodeRebuildBehind),
		Says:   "The rebuild has not read as far as the activity yet.",
		Client: "Wait until it has caught up: `activity rebuild NAME --status`.",
	},
	activity.CodeNotRebuildable: {Status: http.StatusConflict, Code: string(activity.CodeNotRebuildable),
		Says:     "The activity was read from several topics, so its topic has only a part of it.",
		Client:   "Nothing: a rebuild would lose what came from the other topics.",
		Operator: "Keep a backup of the file. It is the only place that has everything.",
	},
}

// refused returns the kinds of problem of codes.
func refused(codes ...activity.Code) []problem.Kind {
	kinds := make([]problem.Kind, 0, len(codes))
	for _, code := range codes {
		kinds = append(kinds, refusals[code])
	}
	return kinds
}
