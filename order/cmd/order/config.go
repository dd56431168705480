package main

import (
	"context"
	"os"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"ordertally/order/orderd"
	"ordertally/order/orderstore"
	"ordertally/shared/service"
	"ordertally/shared/settings"
)

type configCmd struct {
	// Say whether the service would start with these settings, and what is wrong with them.
	Check configCheckCmd `cmd:"" checks:"itself"`
	// Print every setting of the service and where it comes from.
	Print configPrintCmd `cmd:""`
}

type configCheckCmd struct {
	orderd.Config
}

// Run reports what serve would refuse.
func (c *configCheckCmd) Run(ctx context.Context) error {
	_, refused := orderd.New(c.Config, zerolog.Nop())
	return service.Check(ctx, os.Stdout, orderstore.Format, &c.Config.Config, refused)
}

type configPrintCmd struct {
	orderd.Config
	settings.Print
}

// Run prints the settings.
func (c *configPrintCmd) Run(sources *settings.Sources, ctx *kong.Context) error {
	return c.Print.Print(os.Stdout, sources, ctx, "serve")
}
