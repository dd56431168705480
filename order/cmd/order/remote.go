package main

import (
	"fmt"
	"time"

	"ordertally/order/orderclient"
	"ordertally/shared/auth"
	"ordertally/shared/settings"
	"ordertally/shared/settings/tlsfiles"
)

// keyVariable and activityKeyVariable are the environment variables that hold the credentials for the order service and
// the activity service.
const (
	keyVariable         = "ORDER_API_KEY"
	activityKeyVariable = "ACTIVITY_API_KEY"
)

// access is what a running order service may want of those who call it.
type access struct {
	auth.Credential
	TLS tlsfiles.ClientConfig `embed:""`
}

// connect returns a client of the service at that URL, which repeats requests for so long; -1 is one attempt. The exit
// code of its error is that of settings.
func (a *access) connect(target string, retryFor time.Duration) (*orderclient.Client, error) {
	token, err := a.Token(keyVariable)
	if err != nil {
		return nil, settings.WithExitCode(err, settings.ExitUsage)
	}
	transport, err := a.TLS.Transport("")
	if err != nil {
		return nil, settings.WithExitCode(err, settings.ExitUsage)
	}
	client, err := orderclient.New(orderclient.Config{BaseURL: target, Credential: token, Transport: transport,
		RetryFor: retryFor})
	if err != nil {
		return nil, settings.WithExitCode(fmt.Errorf("--target: %w", err), settings.ExitUsage)
	}
	return client, nil
}

// remote is a running service and how to write what it answers.
type remote struct {
	Target string `default:"http://127.0.0.1:8080" help:"URL of the order service."`
	access
	Output string `default:"table" enum:"table,json,ndjson" help:"Output format: table, json or ndjson." short:"o"`
}

func (r *remote) client() (*orderclient.Client, error) { return r.connect(r.Target, -1) }
