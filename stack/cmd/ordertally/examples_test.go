package main

import (
	"testing"

	"ordertally/shared/settings/settingstest"
)

func TestHelp_HasExamplesThatAreRead(t *testing.T) {
	settingstest.Examples(t, program(), func() any { return &commands{} })
}
