package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
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
func (c *configCheckCmd) Run() error {
	c.KafkaSecurity.Password = kafkaPassword()
	if _, err := activityd.New(c.Config, zerolog.Nop()); err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	_, err := fmt.Println("the settings are good")
	return err
}

type configPrintCmd struct {
	activityd.Config
	settings.Print
}

// Run prints the settings.
func (c *configPrintCmd) Run(sources *settings.Sources, ctx *kong.Context) error {
	return c.Print.Print(os.Stdout, sources, ctx)
}
