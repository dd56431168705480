package activity

// Code names the kind of a refused question. It is part of the API and does not change.
type Code string

// The codes.
const (
	CodeUnknownActivity Code = "unknown_activity"
	CodeInvalidDay      Code = "invalid_day"
	CodeInvalidZone     Code = "invalid_zone"
	CodeInvalidRange    Code = "invalid_range"
	CodeRangeTooLong    Code = "range_too_long"
	CodeOffQuarterHour  Code = "off_quarter_hour"
	CodeNoRebuild       Code = "no_rebuild"
	CodeRebuildBehind   Code = "rebuild_behind"
	CodeNotRebuildable  Code = "not_rebuildable"
)

// Error says why a question cannot be answered as it was asked.
type Error struct {
	Code   Code
	Detail string // for people: what is wrong, and what to ask for instead
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }
