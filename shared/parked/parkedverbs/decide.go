package parkedverbs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/parked"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// Messages selects the messages that a decision is about.
type Messages struct {
	Selection
	// Ids of messages, as ls shows them.
	IDs []string `arg:"" name:"id" optional:""`
	// All messages of the list.
	All bool `name:"all"`
}

// Retry publishes or counts messages after all.
type Retry[R Remote] struct {
	Remote R `embed:""`
	output.Form
	Messages
	// Why; kept in the audit entry.
	Reason string `name:"reason"`
}

// Run writes what became of the messages to standard output.
func (c *Retry[R]) Run(ctx context.Context) error { return c.Print(ctx, safetext.Stdout()) }

// Print writes what became of the messages to out.
func (c *Retry[R]) Print(ctx context.Context, out io.Writer) error {
	return c.decide(ctx, c.Remote, &c.Form, c.Remote.Ledger().Retry, c.Reason, out)
}

// Discard gives messages up, for ever.
type Discard[R Remote] struct {
	Remote R `embed:""`
	output.Form
	Messages
	// Why; kept in the audit entry.
	Reason string `required:""`
}

// Run writes how many were discarded to standard output.
func (c *Discard[R]) Run(ctx context.Context) error { return c.Print(ctx, safetext.Stdout()) }

// Print writes how many were discarded to out.
func (c *Discard[R]) Print(ctx context.Context, out io.Writer) error {
	return c.decide(ctx, c.Remote, &c.Form, string(parked.Discard), c.Reason, out)
}

// decide sends a request for each id, or one for all selected messages. It writes what became of them.
func (m *Messages) decide(
	ctx context.Context, remote Remote, form *output.Form, verb, reason string, out io.Writer,
) error {
	selection := m.values()
	ways := 0
	for _, given := range []bool{len(m.IDs) > 0, len(selection) > 0, m.All} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return settings.WithExitCode(errors.New("name messages by their ids, or select them by --class, --subject and "+
			"--older-than, or say --all"), settings.ExitUsage)
	}
	body := map[string]any{}
	if reason != "" {
		body["reason"] = reason
	}
	if len(m.IDs) > 0 {
		return m.decideEach(ctx, remote, form, verb, body, out)
	}
	for name := range selection {
		body[name] = selection.Get(name)
	}
	if m.All {
		body["all"] = true
	}
	answer, err := Ask(ctx, remote, http.MethodPost, remote.Ledger().Path+"/"+verb, nil, body)
	if err != nil {
		return err
	}
	return PrintDone(out, form, remote.Ledger().Program, parked.Past(verb), answer)
}

// decideEach sends a request for one message after the other. It stops at the first refusal.
func (m *Messages) decideEach(
	ctx context.Context, remote Remote, form *output.Form, verb string, body any, out io.Writer,
) error {
	service, err := remote.Service()
	if err != nil {
		return err
	}
	defer service.Close()
	total := map[string]int{}
	past := parked.Past(verb)
	for _, id := range m.IDs {
		path, err := pathOf(remote, id)
		var answer []byte
		if err == nil {
			answer, err = ask(ctx, service, http.MethodPost, path+"/"+verb, nil, body)
		}
		var done map[string]int
		if err == nil {
			err = json.Unmarshal(answer, &done)
		}
		switch {
		case err != nil && total[past] > 0:
			return fmt.Errorf("%d %s, then: message %.60q: %w", total[past], past, id, err)
		case err != nil:
			return fmt.Errorf("message %.60q: %w", id, err)
		}
		for name, n := range done {
			total[name] += n
		}
	}
	text, err := json.Marshal(total)
	if err != nil {
		return err
	}
	return PrintDone(out, form, remote.Ledger().Program, past, text)
}

// PrintDone writes the answer to a decision. For people it has the number of messages, and then what became of them.
func PrintDone(out io.Writer, form *output.Form, program, past string, answer []byte) error {
	return form.Write(out, answer, func(out io.Writer) error {
		var members map[string]jsontext.Value
		var corrupt []string
		err := json.Unmarshal(answer, &members)
		if err == nil && members["corrupt"] != nil {
			err = json.Unmarshal(members["corrupt"], &corrupt)
		}
		if err != nil {
			return fmt.Errorf("read the service's answer: %w", err)
		}
		names := slices.Sorted(maps.Keys(members))
		names = slices.DeleteFunc(names, func(name string) bool { return name == past || name == "corrupt" })
		for _, name := range append([]string{past}, names...) {
			if err := output.Print(out, "%s %s\n", members[name], name); err != nil {
				return err
			}
		}
		for _, id := range corrupt {
			if err := output.Print(out, "damaged, left as it is: message %s: stop the service and run %s check\n", id,
				program); err != nil {
				return err
			}
		}
		return nil
	})
}
