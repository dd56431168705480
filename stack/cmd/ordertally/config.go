package main

import (
	"os"

	"github.com/alecthomas/kong"

	"ordertally/shared/settings"
)

type configCmd struct {
	// Print every setting of dev and where it comes from.
	Print configPrintCmd `cmd:""`
}

type configPrintCmd struct {
	devConfig
	settings.Print
}

// Run prints the settings.
func (c *configPrintCmd) Run(sources *settings.Sources, ctx *kong.Context) error {
	return c.Print.Print(os.Stdout, sources, ctx, "dev")
}
