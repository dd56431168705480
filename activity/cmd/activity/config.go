package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityd"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/kafka"
	"ordertally/shared/service"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type configCmd struct {
	// Say whether the service would start with these settings, and what is wrong with them.
	Check configCheckCmd `cmd:"" checks:"itself"`
	// Print every setting of the service and where it comes from.
	Print configPrintCmd `cmd:""`
}

type configCheckCmd struct {
	activityd.Config
	// Also read the last N records of each activity's topic, and report what would be counted and parked. Changes
	// nothing.
	Try int `name:"try" placeholder:"N"`
}

// Run reports what serve would refuse. Then it tries the declarations.
func (c *configCheckCmd) Run(ctx context.Context) error {
	_, refused := activityd.New(c.Config, zerolog.Nop())
	if c.Try < 0 || c.Try > ingest.MaxTry {
		refused = errors.Join(refused, fmt.Errorf("try: it must be 1 to %d", ingest.MaxTry))
	}
	err := service.Check(ctx, os.Stdout, activitystore.Format, &c.Config.Config, refused)
	if err != nil || c.Try == 0 {
		return err
	}
	return c.try(ctx, safetext.Stdout())
}

// errAllParked ends the command with exit code 1.
var errAllParked = errors.New("an activity would count none of its records: fix its declaration, or its topic")

func (c *configCheckCmd) try(ctx context.Context, out io.Writer) error {
	useless := false
	definitions, err := c.Activities.All(c.Topic)
	for i := 0; err == nil && i < len(definitions); i++ {
		def := &definitions[i]
		outlook, missing := ingest.Try(ctx, *def, c.Reading(*def), c.Try, zerolog.Nop())
		if missing != nil && !errors.Is(missing, kafka.ErrNoTopic) {
			return missing
		}
		useless = useless || len(outlook.Parked) > 0 && outlook.Counted == 0
		if _, err = io.WriteString(out, describe(def, &outlook, missing)); err != nil {
			err = fmt.Errorf("write the answer: %w", err)
		}
	}
	if err == nil && useless {
		err = settings.WithExitCode(errAllParked, settings.ExitFailed)
	}
	return err
}

// describe says in sentences what an activity would make of its topic. An err means that there is no topic.
func describe(def *activity.Definition, t *ingest.Outlook, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("%s: topic %s does not exist yet\n", def.Name, def.Topic)
	case t.Records == 0:
		return fmt.Sprintf("%s: topic %s has no records yet\n", def.Name, def.Topic)
	}
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"%s: of the last %s of topic %s, %d would be counted",
		def.Name,
		output.Count(t.Records, "record"),
		def.Topic,
		t.Counted,
	)
	parked := 0
	for _, reason := range t.Parked {
		parked += reason.Records
	}
	for _, part := range []struct {
		n    int
		says string
	}{{parked, "parked"}, {t.Repeated, "refused as duplicates (their ids occur before)"},
		{t.PassedOver, "passed over (their types are not counted here)"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.says)
		}
	}
	b.WriteString("\n")
	if t.Counted > 0 {
		fmt.Fprintf(
			&b,
			"  they happened from %s to %s\n",
			t.First.UTC().Format(time.RFC3339),
			t.Last.UTC().Format(time.RFC3339),
		)
	}
	for _, reason := range t.Parked {
		fmt.Fprintf(
			&b,
			"  %d parked as %s, such as the one at partition %d, offset %d: %s\n",
			reason.Records,
			reason.Reason,
			reason.Example.Partition,
			reason.Example.Offset,
			reason.Example.Poison.Detail,
		)
	}
	return b.String()
}

type configPrintCmd struct {
	activityd.Config
	settings.Print
}

// Run prints the settings.
func (c *configPrintCmd) Run(sources *settings.Sources, ctx *kong.Context) error {
	return c.Print.Print(os.Stdout, sources, ctx, "serve")
}
