package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"ordertally/client"
	"ordertally/client/access"
)

// keyVariable and ordersKeyVariable are the environment variables that hold the credentials for the activity service
// and the order service.
const (
	keyVariable       = "ACTIVITY_API_KEY"
	ordersKeyVariable = "ORDER_API_KEY"
)

// activityNames are what the flags for the activity service are called.
var activityNames = access.Names{Target: "--target", Variable: keyVariable}

// remote is a running service and how to write what it answers.
type remote struct {
	Target string `default:"http://127.0.0.1:8090" help:"URL of the activity service."`
	access.Flags
	Activity string `default:"ORDER_CREATED" help:"The activity."`
	Output   string `default:"table" enum:"table,json,ndjson" help:"Output format: table, json or ndjson." short:"o"`

	client *client.Client // made with the first request, for one connection of them all
}

// answerTimeout bounds a decision about very many messages.
const answerTimeout = 10 * time.Minute

// ask sends a request about the activity and returns the answer's body, to be closed. A refusal is a client.Problem.
func (r *remote) ask(ctx context.Context, method, path string, query url.Values, body any) (io.ReadCloser, error) {
	if r.client == nil {
		connected, err := r.Connect(client.Config{URL: r.Target, AttemptTimeout: answerTimeout}, activityNames)
		if err != nil {
			return nil, err
		}
		r.client = connected
	}
	return r.client.Ask(ctx, method, "/v1/activities/"+url.PathEscape(r.Activity)+"/"+path, query, body)
}

// maxAnswer is the most that is read of an answer: 200 messages of the largest size in base64 are less.
const maxAnswer = 1 << 30

// askJSON reads the answer into value.
func (r *remote) askJSON(ctx context.Context, method, path string, query url.Values, body, value any) error {
	answer, err := r.ask(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	if err := json.NewDecoder(io.LimitReader(answer, maxAnswer)).Decode(value); err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	return nil
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
