package kafka

import (
	"context"
	"errors"
	"fmt"

	"ordertally/shared/outbox"
)

var errOvertaken = errors.New("another session of the lineage has set the mark")

// publishAtLeastOnce sends records without a transaction and sets the mark afterwards.
func (s *session) publishAtLeastOnce(ctx context.Context, records []outbox.Record, mark outbox.Mark) ([]outbox.Place,
	error) {
	stands, known, err := s.readMark(ctx, s.marks)
	if err != nil {
		return nil, outage(err)
	}
	if known != s.known || stands != s.mark {
		return nil, &outbox.OutageError{Class: outbox.Fenced, Err: errOvertaken}
	}
	places, err := s.produce(ctx, records, nil)
	if isRejected(err) {
		return nil, err
	}
	if err != nil {
		return nil, outage(s.cause(err))
	}
	set, err := s.marks.CommitOffsets(s.offsetOf(mark))
	if err == nil {
		err = set[0].Error
	}
	if err != nil {
		return nil, outage(fmt.Errorf("set the mark of lineage %s: %w", s.lineage, err))
	}
	s.mark, s.known = mark, true
	return places, nil
}
