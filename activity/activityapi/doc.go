// Package activityapi serves the statistics over HTTP: days of an activity as JSON, and a page for people.
//
//	GET /v1/activities
//	GET /v1/activities/{activity}/days/{YYYY-MM-DD|today}?tz=
//	GET /v1/activities/{activity}/days?from=&to=&tz=
//	GET /
//
// Every answer says which messages it contains (as_of) and whether others wait (lagging). A query parameter that a
// route does not know, or that is given twice, is a 400 and not ignored: a misspelt tz would answer another day.
//
// It has no authentication and does not listen.
package activityapi
