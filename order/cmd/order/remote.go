package main

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"

	"ordertally/client"
	"ordertally/client/access"
	"ordertally/client/orders"
)

// keyVariable and activityKeyVariable are the environment variables that hold the credentials for the order service and
// the activity service.
const (
	keyVariable         = "ORDER_API_KEY"
	activityKeyVariable = "ACTIVITY_API_KEY"
)

// orderNames are the names of the flags for the order service.
var orderNames = access.Names{Target: "--target", Variable: keyVariable}

// remote is a running service and the format of its answers.
type remote struct {
	// URL of the order service.
	Target string `default:"http://127.0.0.1:8080"`
	access.Flags
	// Output format.
	Output string `default:"table" enum:"table,json,ndjson" short:"o"`
}

// orders returns a client that sends each request once.
func (r *remote) orders() (*orders.Client, error) {
	connected, err := r.Connect(client.Config{URL: r.Target, RetryFor: -1}, orderNames)
	return &orders.Client{Client: connected}, err
}

// writeValue writes JSON on one line.
func writeValue(out io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
