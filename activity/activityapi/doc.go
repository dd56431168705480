// Package activityapi serves the statistics over HTTP: the days of an activity as JSON, and a page for people.
//
//	GET /v1/activities
//	GET /v1/activities/{activity}/days/{YYYY-MM-DD|today}?tz=
//	GET /v1/activities/{activity}/days?from=&to=&tz=
//	GET /
//
// Every answer says which messages it contains (as_of), and whether others wait (lagging). An unknown or repeated query
// parameter is a 400. If it were ignored, a misspelt tz would give another day.
//
// The API checks credentials with the Guard of its Config. It does not listen.
package activityapi
