// The part of librdkafka's public interface (rdkafka.h) that this package uses. The Go client does not export the
// header. A test compares the two.

#ifndef ORDERTALLY_LIBRDKAFKA_H
#define ORDERTALLY_LIBRDKAFKA_H

#include <stddef.h>
#include <stdint.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_topic_conf_s rd_kafka_topic_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
typedef struct rd_kafka_headers_s rd_kafka_headers_t;
typedef struct rd_kafka_message_s rd_kafka_message_t;
typedef struct rd_kafka_topic_partition_s rd_kafka_topic_partition_t;

#ifndef _RDKAFKA_H_
typedef int rd_kafka_resp_err_t; // an enum there
typedef int rd_kafka_event_type_t;
typedef unsigned int rd_kafka_timestamp_type_t; // an enum there

struct rd_kafka_message_s {
	rd_kafka_resp_err_t err;
	rd_kafka_topic_t *rkt;
	int32_t partition;
	void *payload;
	size_t len;
	void *key;
	size_t key_len;
	int64_t offset;
	void *_private;
};

struct rd_kafka_topic_partition_s {
	char *topic;
	int32_t partition;
	int64_t offset;
	void *metadata;
	size_t metadata_size;
	void *opaque;
	rd_kafka_resp_err_t err;
	void *_private;
};

enum {
	RD_KAFKA_VTYPE_END = 0,
	RD_KAFKA_VTYPE_RKT = 2,
	RD_KAFKA_VTYPE_PARTITION = 3,
	RD_KAFKA_VTYPE_VALUE = 4,
	RD_KAFKA_VTYPE_KEY = 5,
	RD_KAFKA_VTYPE_MSGFLAGS = 7,
	RD_KAFKA_VTYPE_TIMESTAMP = 8,
	RD_KAFKA_VTYPE_HEADERS = 10,
};

#define RD_KAFKA_MSG_F_COPY 0x2
#define RD_KAFKA_TIMESTAMP_NOT_AVAILABLE 0
#define RD_KAFKA_EVENT_FETCH 0x2
#define RD_KAFKA_EVENT_ERROR 0x8
#define RD_KAFKA_RESP_ERR__PARTITION_EOF -191
#endif

rd_kafka_resp_err_t rd_kafka_last_error(void);
rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *rk, const char *topic, rd_kafka_topic_conf_t *conf);
void rd_kafka_topic_destroy(rd_kafka_topic_t *rkt);
rd_kafka_resp_err_t rd_kafka_producev(rd_kafka_t *rk, ...);

rd_kafka_headers_t *rd_kafka_headers_new(size_t initial_count);
void rd_kafka_headers_destroy(rd_kafka_headers_t *hdrs);
rd_kafka_resp_err_t rd_kafka_header_add(rd_kafka_headers_t *hdrs, const char *name, ptrdiff_t name_size,
	const void *value, ptrdiff_t value_size);
size_t rd_kafka_header_cnt(const rd_kafka_headers_t *hdrs);
rd_kafka_resp_err_t rd_kafka_header_get_all(const rd_kafka_headers_t *hdrs, size_t idx, const char **namep,
	const void **valuep, size_t *sizep);

rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *rk);
void rd_kafka_queue_destroy(rd_kafka_queue_t *rkqu);
rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *rkqu, int timeout_ms);
rd_kafka_event_type_t rd_kafka_event_type(const rd_kafka_event_t *rkev);
void rd_kafka_event_destroy(rd_kafka_event_t *rkev);
const rd_kafka_message_t *rd_kafka_event_message_next(rd_kafka_event_t *rkev);
rd_kafka_resp_err_t rd_kafka_event_error(rd_kafka_event_t *rkev);
const char *rd_kafka_event_error_string(rd_kafka_event_t *rkev);
int rd_kafka_event_error_is_fatal(rd_kafka_event_t *rkev);
rd_kafka_topic_partition_t *rd_kafka_event_topic_partition(rd_kafka_event_t *rkev);
void rd_kafka_topic_partition_destroy(rd_kafka_topic_partition_t *rktpar);

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *rkmessage, rd_kafka_timestamp_type_t *tstype);
int32_t rd_kafka_message_leader_epoch(const rd_kafka_message_t *rkmessage);
rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *rkmessage, rd_kafka_headers_t **hdrsp);

#endif
