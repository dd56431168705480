package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/retail"
	"ordertally/stack/demo"
	onlineretail "ordertally/testdata/online-retail"
)

// importedMark is the file that marks the samples as imported. Without it they are imported again, which places nothing
// twice.
const importedMark = "imported"

// ImportSamples places the three days of real orders, unless an earlier start with the same data directory did. It
// returns the number of orders placed.
func (s *Stack) ImportSamples(ctx context.Context) (placed int, err error) {
	mark := filepath.Join(s.config.Data, importedMark)
	if _, err := os.Stat(mark); !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	files, err := s.writeSamples()
	if err != nil {
		return 0, fmt.Errorf("import the sample orders: %w", err)
	}
	shop, err := orders.New(client.Config{URL: s.OrderURL()})
	if err != nil {
		return 0, fmt.Errorf("import the sample orders: %w", err)
	}
	defer shop.Close()
	summary, err := retail.Import(ctx, files, shop, retail.Options{})
	if err != nil {
		return summary.Placed, fmt.Errorf("import the sample orders: %w", err)
	}
	return summary.Placed, os.WriteFile(mark, nil, 0o600)
}

// Demo places what the demo's shop sold today and on the seven days before, and goes on with it until ctx ends. It
// returns what was placed at once, and a function that waits for the end. A service that asks for a key gets no demo.
func (s *Stack) Demo(ctx context.Context) (placed int, wait func(), err error) {
	zone, err := time.LoadLocation(string(s.config.Zone)) // the setting is checked
	if err != nil {
		return 0, nil, err
	}
	client, err := orders.New(client.Config{URL: s.OrderURL()})
	if err != nil {
		return 0, nil, fmt.Errorf("demo orders: %w", err)
	}
	shop, err := demo.New(client, zone, s.logger.With().Str("part", "demo").Logger())
	if err == nil {
		placed, err = shop.CatchUp(ctx)
	}
	if err != nil {
		client.Close()
		if errors.Is(err, demo.ErrKey) {
			s.logger.Info().Msg("no demo orders: " + demo.ErrKey.Error())
			return placed, func() {}, nil
		}
		return placed, nil, err
	}
	s.demo = true
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer client.Close()
		shop.GoOn(ctx)
	}()
	return placed, func() { <-ended }, nil
}

// writeSamples writes the sample files to the data directory. A user can look at them there and import them again.
func (s *Stack) writeSamples() ([]string, error) {
	dir := filepath.Join(s.config.Data, "online-retail")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	names, err := fs.Glob(onlineretail.Files, "*.csv")
	if err != nil {
		return nil, err
	}
	files := make([]string, len(names))
	for i, name := range names {
		content, err := onlineretail.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[i] = filepath.Join(dir, name)
		if err := os.WriteFile(files[i], content, 0o600); err != nil {
			return nil, err
		}
	}
	return files, nil
}
