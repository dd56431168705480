package broker

import (
	"context"
	"errors"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/outbox"
)

// ownFault returns the class of a failure that is the message's own, or "".
func ownFault(code kafka.ErrorCode) outbox.Class {
	switch code {
	case kafka.ErrMsgSizeTooLarge, kafka.ErrRecordListTooLarge:
		return outbox.TooLarge
	case kafka.ErrInvalidMsg, kafka.ErrInvalidMsgSize, kafka.ErrInvalidRecord, kafka.ErrInvalidTimestamp, kafka.ErrBadMsg:
		return outbox.Invalid
	case kafka.ErrPolicyViolation:
		return outbox.Refused
	}
	return ""
}

// denied tells that a broker did not let the client in: its name and password, or a certificate, are wrong. It is tried again all the same.
func denied(err kafka.Error) bool {
	return err.Code() == kafka.ErrAuthentication || err.Code() == kafka.ErrSaslAuthenticationFailed || err.Code() == kafka.ErrSsl
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
	var kafkaErr kafka.Error
	if !errors.As(err, &kafkaErr) {
		if errors.Is(err, context.DeadlineExceeded) {
			return outbox.Timeout
		}
		return outbox.Other
	}
	switch kafkaErr.Code() {
	case kafka.ErrFenced, kafka.ErrProducerFenced, kafka.ErrInvalidProducerEpoch:
		return outbox.Fenced
	case kafka.ErrTimedOut, kafka.ErrTimedOutQueue, kafka.ErrRequestTimedOut, kafka.ErrMsgTimedOut:
		return outbox.Timeout
	case kafka.ErrTransport, kafka.ErrAllBrokersDown, kafka.ErrResolve, kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownTopic,
		kafka.ErrUnknownPartition, kafka.ErrLeaderNotAvailable, kafka.ErrNotLeaderForPartition, kafka.ErrBrokerNotAvailable,
		kafka.ErrNotEnoughReplicas, kafka.ErrNotEnoughReplicasAfterAppend, kafka.ErrCoordinatorNotAvailable,
		kafka.ErrCoordinatorLoadInProgress, kafka.ErrNotCoordinator, kafka.ErrNetworkException:
		return outbox.Unavailable
	case kafka.ErrTopicAuthorizationFailed, kafka.ErrGroupAuthorizationFailed, kafka.ErrClusterAuthorizationFailed,
		kafka.ErrTransactionalIDAuthorizationFailed, kafka.ErrAuthentication, kafka.ErrSaslAuthenticationFailed, kafka.ErrSsl:
		return outbox.Unauthorized
	}
	if kafkaErr.IsTimeout() {
		return outbox.Timeout
	}
	return outbox.Other
}
