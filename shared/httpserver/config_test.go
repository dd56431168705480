package httpserver

import (
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	c := Config{}.withDefaults()
	if c.ReadHeaderTimeout != 5*time.Second || c.ReadTimeout != 30*time.Second || c.WriteTimeout != 60*time.Second ||
		c.IdleTimeout != 120*time.Second || c.MaxHeaderBytes != 65536 {
		t.Errorf("defaults %+v", c)
	}
	set := Config{ReadHeaderTimeout: 1, ReadTimeout: 2, WriteTimeout: -1, IdleTimeout: 4, MaxHeaderBytes: 5}
	c = set.withDefaults()
	if c.ReadHeaderTimeout != 1 || c.ReadTimeout != 2 || c.WriteTimeout != -1 || c.IdleTimeout != 4 || c.MaxHeaderBytes != 5 {
		t.Errorf("what was set became %+v", c)
	}
}
