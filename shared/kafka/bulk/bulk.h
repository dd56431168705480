#ifndef ORDERTALLY_BULK_H
#define ORDERTALLY_BULK_H

#include "librdkafka.h"

// Numbers in packed records have the byte order of the machine. -1 is the size of a value that is null.

typedef struct {
	int64_t timestamp;
	int32_t partition;
	int32_t key_size;
	int32_t value_size;
	int32_t headers;
} bulk_outgoing; // followed by key, value, and for each header a bulk_header, name with a final 0, and value

typedef struct {
	int32_t name_size; // without the final 0
	int32_t value_size;
} bulk_header;

// bulk_produce hands the records that are packed in data to librdkafka, which copies them. It stops at the first that
// is refused. *taken counts those before it.
rd_kafka_resp_err_t bulk_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *data, size_t size, int *taken);

typedef struct {
	int64_t offset;
	int64_t timestamp; // -1 for none
	int32_t partition;
	int32_t leader_epoch; // -1 if the broker did not say
	int32_t key_size;
	int32_t value_size;
	int32_t headers;
	int32_t error; // then the value is a text
} bulk_incoming; // followed by key, value, and for each header a bulk_header, name with a final 0, and value

typedef struct {
	rd_kafka_queue_t *queue;
	char *data; // packed records
	size_t size;
	size_t room;
	int records;
	rd_kafka_event_t *event; // the error after the records, or NULL
} bulk_fetch;

// bulk_poll waits for a record or an error and packs it with the records that have already arrived, at most limit and
// about bytes. It drops other events. It returns 0 if memory ran out, or if one record has more than 2 GiB.
int bulk_poll(bulk_fetch *f, int timeout_ms, int limit, size_t bytes);

// bulk_trim frees what a large record needed.
void bulk_trim(bulk_fetch *f);

#endif
