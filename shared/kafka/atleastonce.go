package kafka

import (
	"context"
	"errors"
	"fmt"

	"ordertally/shared/outbox"
)

var errOvertaken = errors.New("another session of the lineage has set the watermark")

// publishAtLeastOnce sends records without a transaction and sets the watermark afterwards.
func (s *session) publishAtLeastOnce(ctx context.Context, records []outbox.Record,
	watermark outbox.Watermark) ([]outbox.Position,
	error) {
	stands, known, err := readWatermark(ctx, s.watermarkClient, s.name, s.lineage)
	if err != nil {
		return nil, outage(err)
	}
	if known != s.known || stands != s.watermark {
		return nil, &outbox.OutageError{Class: outbox.Fenced, Err: errOvertaken}
	}
	places, err := s.produce(ctx, records, nil)
	if isRejected(err) {
		return nil, err
	}
	if err != nil {
		return nil, outage(s.cause(err))
	}
	set, err := s.watermarkClient.CommitOffsets(s.offsetOf(watermark))
	if err == nil {
		err = set[0].Error
	}
	if err != nil {
		return nil, outage(fmt.Errorf("set the watermark of lineage %s: %w", s.lineage, err))
	}
	s.watermark, s.known = watermark, true
	return places, nil
}
