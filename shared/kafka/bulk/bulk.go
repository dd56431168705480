// Package bulk hands many records to librdkafka, and takes many from it, in one call of C. The Go client makes a call
// for each record and two for each header, and allocates as often. That was most of what a record cost; see
// docs/decisions/librdkafka.md.
//
// It works on the clients of the Go client, which keeps everything else: settings, connections, transactions, offsets.
package bulk

// #include "librdkafka.h"
import "C"

import (
	"fmt"
	"reflect"
	"unsafe"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// handleOf returns librdkafka's handle of a *confluent.Producer or a *confluent.Consumer. The Go client does not export
// it. Its version is pinned, and an unknown one is an error.
func handleOf[T confluent.Producer | confluent.Consumer](client *T) (*C.rd_kafka_t, error) {
	handle := reflect.ValueOf(client).Elem().FieldByName("handle")
	if handle.Kind() == reflect.Struct {
		if rk := handle.FieldByName("rk"); rk.Kind() == reflect.Pointer && !rk.IsNil() {
			return (*C.rd_kafka_t)(rk.UnsafePointer()), nil
		}
	}
	return nil, fmt.Errorf("%T of confluent-kafka-go has no handle of librdkafka where it was looked for", client)
}

func errorOf(code C.rd_kafka_resp_err_t) confluent.Error {
	return confluent.NewError(confluent.ErrorCode(code), confluent.ErrorCode(code).String(), false)
}

// address returns where data begins, for C.
func address(data []byte) *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(data))) }
