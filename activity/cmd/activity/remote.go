package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/settings"
	"ordertally/shared/settings/secret"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/web/problem"
)

// keyVariable and ordersKeyVariable are the environment variables that hold the credentials for the activity service
// and the order service.
const (
	keyVariable       = "ACTIVITY_API_KEY"
	ordersKeyVariable = "ORDER_API_KEY"
)

// remote is a running service and how to write what it answers.
type remote struct {
	Target string `default:"http://127.0.0.1:8090" help:"URL of the activity service."`
	auth.Credential
	TLS      tlsfiles.ClientConfig `embed:""`
	Activity string                `default:"ORDER_CREATED" help:"The activity."`
	Output   string                `default:"table" enum:"table,json,ndjson" help:"Output format: table, json or ndjson." short:"o"`

	client *http.Client // made with the first request, for one connection of them all
}

// answerTimeout bounds one request of an operator, a decision about very many messages too.
const answerTimeout = 10 * time.Minute

// maxAnswer is the most that is read of an answer: 200 messages of the largest size in base64 are less.
const maxAnswer = 1 << 30

// ask sends a request about the activity and returns the answer's body, to be closed. A refusal is a problem.Problem.
func (r *remote) ask(ctx context.Context, method, path string, query url.Values, body any) (io.ReadCloser, error) {
	target, err := url.Parse(r.Target)
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" {
		return nil, settings.WithExitCode(
			fmt.Errorf("--target: %q: want one such as http://127.0.0.1:8090", secret.URL(r.Target)),
			settings.ExitUsage)
	}
	// #nosec G125 -- the path is the program's own
	target = target.JoinPath("v1/activities", url.PathEscape(r.Activity), path)
	target.RawQuery = query.Encode()
	token, err := r.Token(keyVariable)
	if err != nil {
		return nil, settings.WithExitCode(err, settings.ExitUsage)
	}
	if r.client == nil {
		transport, err := r.TLS.Transport("")
		if err != nil {
			return nil, settings.WithExitCode(err, settings.ExitUsage)
		}
		r.client = &http.Client{Timeout: answerTimeout, Transport: transport}
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), content)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	auth.SetBearer(request, token.Reveal())
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the activity service does not answer at %s (see --target): %w", secret.URL(r.Target),
			secret.Cause(err))
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer func() { _ = response.Body.Close() }()
	var p problem.Problem
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&p); err != nil || p.Code == "" {
		return nil, fmt.Errorf("%s answered %s, which is no answer of an activity service (see --target)",
			secret.URL(target.String()), response.Status)
	}
	p.Status = response.StatusCode
	return nil, p
}

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
