package main

import (
	"encoding/json"
	"fmt"
	"io"

	"ordertally/client/access"
)

// These environment variables hold the credentials for the activity service and for the order service.
const (
	keyVariable       = "ACTIVITY_API_KEY"
	ordersKeyVariable = "ORDER_API_KEY"
)

// activityNames names the flags for the activity service.
var activityNames = access.Names{Target: "--target", Variable: keyVariable}

// remote is a running service, and how its answers are written.
type remote struct {
	// URL of the activity service.
	Target string `default:"http://127.0.0.1:8090"`
	access.Flags
	// The activity.
	Activity string `default:"ORDER_CREATED"`
	// Output format.
	Output string `default:"table" enum:"table,json,ndjson" short:"o"`
}

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
