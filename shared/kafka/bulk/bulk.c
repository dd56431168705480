#include "bulk.h"

#include <stdlib.h>
#include <string.h>

// Packed structures have no alignment, so they are copied out.

static rd_kafka_headers_t *headers_of(const char **at, int count) {
	rd_kafka_headers_t *headers = rd_kafka_headers_new(count);
	for (int i = 0; i < count; i++) {
		bulk_header h;
		memcpy(&h, *at, sizeof(h));
		const char *name = *at + sizeof(h), *value = name + h.name_size + 1;
		rd_kafka_header_add(headers, name, h.name_size, h.value_size < 0 ? NULL : value,
			h.value_size < 0 ? 0 : h.value_size);
		*at = value + (h.value_size < 0 ? 0 : h.value_size);
	}
	return headers;
}

rd_kafka_resp_err_t bulk_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *data, size_t size, int *taken) {
	const char *at = data, *end = data + size;
	for (*taken = 0; at < end; (*taken)++) {
		bulk_outgoing r;
		memcpy(&r, at, sizeof(r));
		const char *key = at + sizeof(r);
		const char *value = key + (r.key_size < 0 ? 0 : r.key_size);
		at = value + (r.value_size < 0 ? 0 : r.value_size);
		rd_kafka_headers_t *headers = headers_of(&at, r.headers);
		rd_kafka_resp_err_t err = rd_kafka_producev(rk,
			RD_KAFKA_VTYPE_RKT, topic,
			RD_KAFKA_VTYPE_PARTITION, r.partition,
			RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_MSG_F_COPY,
			RD_KAFKA_VTYPE_KEY, r.key_size < 0 ? NULL : key, (size_t)(r.key_size < 0 ? 0 : r.key_size),
			RD_KAFKA_VTYPE_VALUE, r.value_size < 0 ? NULL : value, (size_t)(r.value_size < 0 ? 0 : r.value_size),
			RD_KAFKA_VTYPE_TIMESTAMP, r.timestamp,
			RD_KAFKA_VTYPE_HEADERS, headers,
			RD_KAFKA_VTYPE_END);
		if (err) {
			rd_kafka_headers_destroy(headers); // librdkafka owns them only after a success
			return err;
		}
	}
	return 0;
}

enum {
	FIRST_ROOM = 64 << 10,
	KEPT_ROOM = 1 << 20, // what is larger grows by what is needed, and is freed at once
};

static int grow(bulk_fetch *f, size_t more) {
	if (f->room - f->size >= more)
		return 1;
	if (more > INT32_MAX - f->size)
		return 0;
	size_t room = f->room ? f->room : FIRST_ROOM;
	while (room < f->size + more && room < KEPT_ROOM)
		room *= 2;
	if (room < f->size + more)
		room = f->size + more;
	char *data = realloc(f->data, room);
	if (!data)
		return 0;
	f->data = data;
	f->room = room;
	return 1;
}

void bulk_trim(bulk_fetch *f) {
	if (f->room <= KEPT_ROOM)
		return;
	free(f->data);
	f->data = NULL;
	f->room = 0;
}

static void put(bulk_fetch *f, const void *from, size_t size) {
	if (size > 0)
		memcpy(f->data + f->size, from, size);
	f->size += size;
}

// pack appends a message to what was fetched. It returns 0 if memory ran out.
static int pack(bulk_fetch *f, const rd_kafka_message_t *m) {
	rd_kafka_headers_t *headers = NULL;
	rd_kafka_timestamp_type_t type;
	int64_t timestamp = rd_kafka_message_timestamp(m, &type);
	bulk_incoming r = {
		.offset = m->offset,
		.timestamp = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp,
		.partition = m->partition,
		.leader_epoch = rd_kafka_message_leader_epoch(m),
		.key_size = m->key ? (int32_t)m->key_len : -1,
		.value_size = m->payload ? (int32_t)m->len : -1,
		.error = m->err,
	};
	if (!m->err && !rd_kafka_message_headers(m, &headers))
		r.headers = (int32_t)rd_kafka_header_cnt(headers);
	if (!grow(f, sizeof(r) + (m->key ? m->key_len : 0) + (m->payload ? m->len : 0)))
		return 0;
	put(f, &r, sizeof(r));
	put(f, m->key, m->key ? m->key_len : 0);
	put(f, m->payload, m->payload ? m->len : 0);
	for (int i = 0; i < r.headers; i++) {
		const char *name = NULL;
		const void *value = NULL;
		size_t size = 0;
		rd_kafka_header_get_all(headers, i, &name, &value, &size);
		bulk_header h = {(int32_t)strlen(name), value ? (int32_t)size : -1};
		if (!grow(f, sizeof(h) + h.name_size + 1 + (value ? size : 0)))
			return 0;
		put(f, &h, sizeof(h));
		put(f, name, h.name_size + 1);
		put(f, value, value ? size : 0);
	}
	return 1;
}

int bulk_poll(bulk_fetch *f, int timeout_ms, int limit, size_t bytes) {
	f->records = 0;
	f->size = 0;
	f->event = NULL;
	while (f->records < limit && f->size < bytes) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(f->queue, f->records ? 0 : timeout_ms);
		if (!event)
			return 1;
		switch (rd_kafka_event_type(event)) {
		case RD_KAFKA_EVENT_ERROR:
			f->event = event;
			return 1;
		case RD_KAFKA_EVENT_FETCH:
			break;
		default: // such as the result of a commit
			rd_kafka_event_destroy(event);
			continue;
		}
		int packed = pack(f, rd_kafka_event_message_next(event));
		rd_kafka_event_destroy(event);
		if (!packed)
			return 0;
		f->records++;
	}
	return 1;
}
