package auth

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"
)

// Run renews the issuer's keys every five minutes until ctx ends.
func (i *Issuer) Run(ctx context.Context, logger zerolog.Logger) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := i.Renew(ctx); err != nil && ctx.Err() == nil {
				logger.Warn().Err(err).Msg(
					"the issuer's keys could not be asked for again: those from before stay in use")
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Renew asks the issuer again for its keys. From then on those that it does not publish any more are refused, for
// tokens that were seen before too. When it does not answer, nothing changes: an issuer that is away must not keep
// everybody out. Before the first good token there is nothing to renew.
func (i *Issuer) Renew(ctx context.Context) error {
	i.mu.RLock()
	header := i.header
	i.mu.RUnlock()
	if header == "" {
		return nil
	}
	fresh, err := i.discover(ctx)
	if err != nil {
		return err
	}
	// The library fetches keys when a token wants them, and never again as long as they do. This one is nobody's, and
	// makes it fetch them before anybody waits for them.
	if _, err := fresh.Verify(ctx, header+".e30.AA"); err == nil {
		return errors.New("a token without a signature was taken")
	} else if keysNotHad(err) {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.verifier = fresh
	clear(i.trusted)
	return nil
}
