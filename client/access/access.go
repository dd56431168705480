// Package access has the flags that a command needs to reach a service which does not let everybody in.
package access

import (
	"fmt"

	"ordertally/client"
	"ordertally/shared/auth"
	"ordertally/shared/settings"
	"ordertally/shared/settings/tlsfiles"
)

// Flags are the credential and the TLS files. The tags make them flags.
type Flags struct {
	auth.Credential
	TLS tlsfiles.ClientConfig `embed:""`
}

// Names are what the flags of one service are called, for errors.
type Names struct {
	Target   string // the flag with the URL, such as --target
	Prefix   string // of the other flags, such as "activity-"; most have none
	Variable string // the environment variable that holds the credential when no flag names a file
}

// Connect returns a client that has what the flags say. It connects to nothing yet. An error has the exit code of wrong
// settings.
func (f *Flags) Connect(c client.Config, names Names) (*client.Client, error) {
	connected, err := f.connect(c, names)
	if err != nil {
		return nil, settings.WithExitCode(err, settings.ExitUsage)
	}
	return connected, nil
}

func (f *Flags) connect(c client.Config, names Names) (connected *client.Client, err error) {
	if c.Credential, err = f.Token(names.Variable); err != nil {
		return nil, err
	}
	if c.Transport, err = f.TLS.Transport(names.Prefix); err != nil {
		return nil, err
	}
	if c.Hint == "" {
		c.Hint = "see " + names.Target
	}
	c.KeyHint = fmt.Sprintf("This command sends the one in $%s, or in the file of --%sapi-key-file.", names.Variable,
		names.Prefix)
	if connected, err = client.New(c); err != nil {
		return nil, fmt.Errorf("%s: %w", names.Target, err)
	}
	return connected, nil
}
