package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ordertally/activity/activityd"
	"ordertally/client"
	"ordertally/shared/parked/parkedverbs"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// rebuildCmd counts an activity again, beside the figures of the running service. Without a name it counts all of them
// into a new file.
type rebuildCmd struct {
	// The activity, such as ORDER_CREATED. Without a name, all activities of the settings are counted into the new file
	// --data.
	Name string `arg:"" optional:""`
	// Show how far the rebuild is, and which days differ.
	Status bool `xor:"do"`
	// From now on, answer with what was counted again.
	Swap bool `xor:"do"`
	// Give up what was counted again.
	Discard bool `xor:"do"`
	// Why; kept in the audit entry. --discard needs one.
	Reason string
	// Time zone of the days that are compared. Default: that of the service.
	TZ string `name:"tz" placeholder:"ZONE"`
	running
	output.Form
	// Of a new file: a backup or a database file that it begins with, and reads on from.
	Base string `placeholder:"FILE"`
	// Of a new file: a backup or a database file to compare its days with.
	Compare string `placeholder:"FILE"`
	activityd.Config
}

// Run writes what was done to standard output.
func (c *rebuildCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *rebuildCmd) run(ctx context.Context, out io.Writer) error {
	if c.Name == "" {
		return c.recount(ctx, out)
	}
	if c.Base != "" || c.Compare != "" {
		return settings.WithExitCode(errors.New("--base and --compare are for a new file: leave the name of the "+
			"activity out"), settings.ExitUsage)
	}
	if c.Discard && strings.TrimSpace(c.Reason) == "" {
		return settings.WithExitCode(errors.New("--discard needs a --reason: it is kept in the audit entry"),
			settings.ExitUsage)
	}
	service, err := c.Connect(client.Config{URL: c.Target, AttemptTimeout: parkedverbs.Timeout}, activityNames)
	if err != nil {
		return err
	}
	defer service.Close()
	method, path, query := http.MethodPost, "/v1/activities/"+url.PathEscape(c.Name)+"/rebuild", url.Values{}
	body := any(map[string]string{"reason": c.Reason})
	switch {
	case c.Status:
		method, body = http.MethodGet, nil
		if c.TZ != "" {
			query.Set("tz", c.TZ)
		}
	case c.Swap:
		path += "/swap"
	case c.Discard:
		path += "/discard"
	}
	answer, err := service.Ask(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	text, err := io.ReadAll(answer)
	if err != nil {
		return fmt.Errorf("read the service's answer (see --target): %w", err)
	}
	if c.Output != "table" {
		return c.Write(out, text, nil)
	}
	var told rebuildAnswer
	if err := json.Unmarshal(text, &told); err != nil {
		return fmt.Errorf("read the service's answer (see --target): %w", err)
	}
	switch {
	case c.Swap:
		return write(out, told.swapped())
	case c.Discard:
		return write(out, told.Activity+": what was counted again is discarded\n")
	}
	return write(out, told.String())
}

func write(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// rebuildAnswer is an answer about a rebuild.
type rebuildAnswer struct {
	Activity, State string
	Counted, Left   int64
	Since           string
	Differences     []rebuildDay
	More            bool
}

type rebuildDay struct {
	Day           string
	Figures       []string
	Live, Rebuilt map[string]json.RawMessage
	Partial       bool
}

// swapped says in sentences what a swap did.
func (a *rebuildAnswer) swapped() string {
	text := a.Activity + ": answers with what was counted again\n"
	if a.Since != "" {
		text += "the topic has forgotten records from before " + a.Since + ": quarter hours before that keep their " +
			"earlier figures where these have more events\n"
	}
	return text
}

// String says in sentences how far a rebuild is.
func (a *rebuildAnswer) String() string {
	var b strings.Builder
	switch a.State {
	case "counting":
		fmt.Fprintf(&b, "%s: %s counted again, %d to go\n", a.Activity, output.Count(a.Counted, "offset"), a.Left)
	case "stopped":
		fmt.Fprintf(&b, "%s: stopped after %s, because the service died several times there. Look at its log; "+
			"`activity rebuild %[1]s` tries once more\n", a.Activity, output.Count(a.Counted, "offset"))
	default:
		fmt.Fprintf(&b, "%s: counted again, %s\n", a.Activity, output.Count(a.Counted, "offset"))
	}
	if a.Since != "" {
		fmt.Fprintf(&b, "the topic has forgotten records from before %s\n", a.Since)
	}
	if a.State != "ready" {
		return b.String()
	}
	for i := range a.Differences {
		b.WriteString(a.Differences[i].String())
	}
	switch {
	case a.More:
		b.WriteString("more days differ\n")
	case len(a.Differences) == 0:
		b.WriteString("no day differs\n")
	}
	fmt.Fprintf(&b, "activity rebuild %s --swap answers with it from now on, --discard --reason TEXT gives it up\n",
		a.Activity)
	return b.String()
}

// String names a day and the figures that differ.
func (d *rebuildDay) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s differs", d.Day)
	if d.Partial {
		b.WriteString(" (partial: the topic has forgotten records; a swap keeps the larger figures)")
	}
	names := d.Figures
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(d.Live))
	}
	for i, name := range names {
		separator := ","
		if i == 0 {
			separator = ":"
		}
		fmt.Fprintf(&b, "%s %s %s -> %s", separator, name, d.Live[name], d.Rebuilt[name])
	}
	b.WriteString("\n")
	return b.String()
}
