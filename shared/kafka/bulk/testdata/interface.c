// Compiled twice, against librdkafka's own header and against ours. Both must give the same data. Where a function is
// declared otherwise, the first does not compile.

#ifdef THEIRS
#include "rdkafka.h"
#endif
#include "../librdkafka.h"

#define FIELD(type, name) sizeof(((type *)0)->name), offsetof(type, name)

const long interface[] = {
	sizeof(rd_kafka_message_t), FIELD(rd_kafka_message_t, err), FIELD(rd_kafka_message_t, rkt),
	FIELD(rd_kafka_message_t, partition), FIELD(rd_kafka_message_t, payload), FIELD(rd_kafka_message_t, len),
	FIELD(rd_kafka_message_t, key), FIELD(rd_kafka_message_t, key_len), FIELD(rd_kafka_message_t, offset),
	sizeof(rd_kafka_topic_partition_t), FIELD(rd_kafka_topic_partition_t, topic),
	FIELD(rd_kafka_topic_partition_t, partition), FIELD(rd_kafka_topic_partition_t, offset),
	sizeof(rd_kafka_resp_err_t), sizeof(rd_kafka_event_type_t), sizeof(rd_kafka_timestamp_type_t),
	RD_KAFKA_VTYPE_END, RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_VALUE, RD_KAFKA_VTYPE_KEY,
	RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_TIMESTAMP, RD_KAFKA_VTYPE_HEADERS,
	RD_KAFKA_MSG_F_COPY, RD_KAFKA_TIMESTAMP_NOT_AVAILABLE, RD_KAFKA_EVENT_FETCH, RD_KAFKA_EVENT_ERROR, RD_KAFKA_RESP_ERR__PARTITION_EOF,
};
