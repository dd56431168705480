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
					"cannot renew the issuer's keys: the keys from before stay in use")
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Renew fetches the issuer's keys again. From then on keys that it no longer publishes are refused, even for tokens
// that were accepted before. If the issuer does not answer, nothing changes: an outage of it must not keep everybody
// out. Before the first valid token there is nothing to renew.
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
	// The library fetches keys only when it lacks the key of a token. This token is not valid. It makes the library
	// fetch the keys before any caller has to wait for that.
	if _, err := fresh.Verify(ctx, header+".e30.AA"); err == nil {
		return errors.New("a token without a signature was accepted")
	} else if keysNotHad(err) {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.verifier = fresh
	clear(i.trusted)
	return nil
}
