package main

import (
	"context"
	"os"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/shared/serving"
	"ordertally/shared/settings"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Say whether the service would start with these settings, and what is wrong with them."`
	Print configPrintCmd `cmd:"" help:"Print every setting of the service and where it comes from."`
}

type configCheckCmd struct {
	activityd.Config
}

// Run says what serve would refuse.
func (c *configCheckCmd) Run(ctx context.Context) error {
	c.KafkaSecurity.Password = kafkaPassword()
	_, refused := activityd.New(c.Config, zerolog.Nop())
	return serving.Check(ctx, os.Stdout, &c.Serving, serving.Place{Program: "activity", Listen: c.Listen, Data: c.Data}, refused)
}

type configPrintCmd struct {
	activityd.Config
	settings.Print
}

// Run prints the settings.
func (c *configPrintCmd) Run(sources *settings.Sources, ctx *kong.Context) error {
	return c.Print.Print(os.Stdout, sources, ctx, "serve")
}
