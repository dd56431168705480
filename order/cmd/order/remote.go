package main

import (
	"time"

	"ordertally/client"
	"ordertally/client/access"
	"ordertally/client/orders"
	"ordertally/shared/text/output"
)

// keyVariable and activityKeyVariable are the environment variables that hold the credentials for the order service and
// the activity service.
const (
	keyVariable         = "ORDER_API_KEY"
	activityKeyVariable = "ACTIVITY_API_KEY"
)

// orderNames are the names of the flags for the order service.
var orderNames = access.Names{Target: "--target", Variable: keyVariable}

// running is a running service.
type running struct {
	// URL of the order service.
	Target       string `default:"http://127.0.0.1:8080" setting:""`
	access.Flags `embed:"" group:"To reach the service:"`
}

// remote is a running service and the format of its answers.
type remote struct {
	running
	output.Form
}

// orders returns a client that sends each request once.
func (r *running) orders() (*orders.Client, error) { return r.retrying(-1) }

// retrying returns a client that sends a request again where that is safe, for so long.
func (r *running) retrying(patience time.Duration) (*orders.Client, error) {
	connected, err := r.Connect(client.Config{URL: r.Target, RetryFor: patience}, orderNames)
	return &orders.Client{Client: connected}, err
}
