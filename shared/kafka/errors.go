package kafka

import (
	"context"
	"errors"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/outbox"
)

// ownFault returns the class of a failure that is the message's own fault, or "".
func ownFault(code confluent.ErrorCode) outbox.Class {
	switch code {
	case confluent.ErrMsgSizeTooLarge, confluent.ErrRecordListTooLarge:
		return outbox.TooLarge
	case confluent.ErrInvalidMsg, confluent.ErrInvalidMsgSize, confluent.ErrInvalidRecord,
		confluent.ErrInvalidTimestamp, confluent.ErrBadMsg:
		return outbox.Invalid
	case confluent.ErrPolicyViolation:
		return outbox.Refused
	}
	return ""
}

// denied reports whether a broker refused the login: the name, the password or a certificate is wrong. It is tried
// again all the same.
func denied(err confluent.Error) bool {
	return err.Code() == confluent.ErrAuthentication || err.Code() == confluent.ErrSaslAuthenticationFailed ||
		err.Code() == confluent.ErrSsl
}

// outage returns err as an outage of its class. Errors are told apart by code, never by text.
func outage(err error) error {
	if err == nil {
		return nil
	}
	var known *outbox.OutageError
	if errors.As(err, &known) {
		return err
	}
	return &outbox.OutageError{Class: outageClass(err), Err: err}
}

func outageClass(err error) outbox.Class {
	var kafkaErr confluent.Error
	if !errors.As(err, &kafkaErr) {
		if errors.Is(err, context.DeadlineExceeded) {
			return outbox.Timeout
		}
		return outbox.Other
	}
	switch kafkaErr.Code() {
	case confluent.ErrFenced, confluent.ErrProducerFenced, confluent.ErrInvalidProducerEpoch:
		return outbox.Fenced
	case confluent.ErrTimedOut, confluent.ErrTimedOutQueue, confluent.ErrRequestTimedOut, confluent.ErrMsgTimedOut:
		return outbox.Timeout
	case confluent.ErrTransport, confluent.ErrAllBrokersDown, confluent.ErrResolve, confluent.ErrUnknownTopicOrPart,
		confluent.ErrUnknownTopic,
		confluent.ErrUnknownPartition, confluent.ErrLeaderNotAvailable, confluent.ErrNotLeaderForPartition,
		confluent.ErrBrokerNotAvailable,
		confluent.ErrNotEnoughReplicas, confluent.ErrNotEnoughReplicasAfterAppend, confluent.ErrCoordinatorNotAvailable,
		confluent.ErrCoordinatorLoadInProgress, confluent.ErrNotCoordinator, confluent.ErrNetworkException:
		return outbox.Unavailable
	case confluent.ErrTopicAuthorizationFailed, confluent.ErrGroupAuthorizationFailed,
		confluent.ErrClusterAuthorizationFailed,
		confluent.ErrTransactionalIDAuthorizationFailed, confluent.ErrAuthentication,
		confluent.ErrSaslAuthenticationFailed, confluent.ErrSsl:
		return outbox.Unauthorized
	}
	if kafkaErr.IsTimeout() {
		return outbox.Timeout
	}
	return outbox.Other
}
