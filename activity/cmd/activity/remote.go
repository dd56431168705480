package main

import (
	"ordertally/client"
	"ordertally/client/access"
	"ordertally/client/statistics"
	"ordertally/shared/text/output"
)

// These environment variables hold the credentials for the activity service and for the order service.
const (
	keyVariable       = "ACTIVITY_API_KEY"
	ordersKeyVariable = "ORDER_API_KEY"
)

// activityNames names the flags for the activity service.
var activityNames = access.Names{Target: "--target", Variable: keyVariable}

// running is a running service.
type running struct {
	// URL of the activity service.
	Target       string `default:"http://127.0.0.1:8090" setting:""`
	access.Flags `embed:"" group:"To reach the service:"`
}

// counted is an activity of a running service.
type counted struct {
	running
	// The activity.
	Activity string `default:"ORDER_CREATED"`
}

// remote is an activity of a running service, and the format of its answers.
type remote struct {
	counted
	output.Form
}

// statistics returns a client that sends each request once.
func (r *running) statistics() (*statistics.Client, error) {
	connected, err := r.Connect(client.Config{URL: r.Target, RetryFor: -1}, activityNames)
	return &statistics.Client{Client: connected}, err
}
