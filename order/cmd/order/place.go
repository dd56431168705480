package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/mattn/go-isatty"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type placeCmd struct {
	remote
	// File with one order as JSON. - is standard input.
	File string `arg:"" optional:"" default:"-"`
	// Name of this request, 1 to 255 visible characters. Repeated with the same name and order, it places nothing
	// twice. Default: a new one, so that the command itself can send a lost request again.
	IdempotencyKey string `name:"idempotency-key" placeholder:"KEY"`
	// With kafka, answer only when the order's message is committed in Kafka. Default: as the service is set.
	Durability string `enum:",kafka" default:"" placeholder:"kafka"`
	// How long to repeat the request while the service does not answer, or asks to try again later.
	RetryFor time.Duration `default:"10s" range:"0, 1s..24h"`
}

// Run places the order and writes it to standard output.
func (c *placeCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdin, safetext.Stdout()) }

func (c *placeCmd) run(ctx context.Context, stdin io.Reader, out io.Writer) error {
	text, err := c.read(stdin)
	if err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	patience := c.RetryFor
	if patience == 0 {
		patience = -1
	}
	shop, err := c.retrying(patience)
	if err != nil {
		return err
	}
	defer shop.Close()
	if c.IdempotencyKey == "" {
		c.IdempotencyKey = rand.Text()
	}
	// The order goes out as it was written, so that the service says what is wrong with it.
	request := client.NewRequest(http.MethodPost, http.StatusCreated, "/v1/orders")
	request.Header("Idempotency-Key", c.IdempotencyKey)
	if c.Durability != "" {
		request.Header("Prefer", "durability="+c.Durability)
	}
	request.Body = text
	placed, err := client.Do[orders.PlacedOrder](ctx, shop.Client, request)
	if err != nil {
		return err
	}
	return c.Write(out, placed.Raw, func(out io.Writer) error {
		o := &placed.Value
		did := "placed"
		if placed.Replayed() {
			did = "was placed before"
		}
		return output.Print(out, "order %s %s: %s, %s\n", o.ID, did, output.Count(len(o.Lines), "line"),
			output.MoneyOf(o.Currency, o.Total))
	})
}

// maxOrder is above what the service takes, in bytes.
const maxOrder = 2 << 20

// read returns the order as it was written. It must be one JSON value.
func (c *placeCmd) read(stdin io.Reader) (jsontext.Value, error) {
	name, from := c.File, stdin
	if c.File == "-" {
		name = "standard input"
		if file, is := stdin.(*os.File); is && isatty.IsTerminal(file.Fd()) {
			fmt.Fprintln(os.Stderr, "the order as JSON, then Ctrl-D:")
		}
	} else {
		file, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // only read
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxOrder))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return nil, fmt.Errorf("%s is empty: give one order as JSON", name)
	}
	value := jsontext.Value(text)
	if err := value.Format(jsontext.PreserveRawStrings(true)); err != nil {
		if syntax, is := errors.AsType[*jsontext.SyntacticError](err); is {
			return nil, fmt.Errorf("%s is not one order as JSON: at byte %d: %w", name, syntax.ByteOffset, syntax.Err)
		}
		return nil, fmt.Errorf("%s is not one order as JSON: %w", name, err)
	}
	return value, nil
}
