//go:build linux && faults

package faults_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// bomb is a batch of records of zeros, in wire format. A megabyte there is a gigabyte in a consumer's memory.
type bomb struct {
	records int
	size    int // of each record's value
	codec   string
}

var codecs = map[string]int16{"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

// plain writes the batch's records uncompressed.
func (b bomb) plain(write func([]byte)) {
	zeros := make([]byte, 1<<20)
	for i := range b.records {
		fields := []byte{0, 0}                                       // attributes, time
		fields = binary.AppendVarint(fields, int64(i))               // offset
		fields = binary.AppendVarint(fields, -1)                     // no key
		fields = binary.AppendVarint(fields, int64(b.size))          // value
		write(binary.AppendVarint(nil, int64(len(fields)+b.size+1))) // and no headers
		write(fields)
		for left := b.size; left > 0; left -= len(zeros) {
			write(zeros[:min(left, len(zeros))])
		}
		write([]byte{0})
	}
}

func (b bomb) compressed(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	if b.codec == "gzip" {
		w := gzip.NewWriter(&out)
		b.plain(func(p []byte) { _, _ = w.Write(p) })
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	codec := map[string]kgo.CompressionCodec{"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
		"zstd": kgo.ZstdCompression()}[b.codec]
	compressor, err := kgo.DefaultCompressor(codec)
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	b.plain(func(p []byte) { plain.Write(p) })
	small, _ := compressor.Compress(&out, plain.Bytes())
	return small
}

// batch returns the record batch.
func (b bomb) batch(t testing.TB) []byte {
	t.Helper()
	now := uint64(time.Now().UnixMilli())                               //nolint:gosec // far from the end
	rest := binary.BigEndian.AppendUint16(nil, uint16(codecs[b.codec])) //nolint:gosec // small
	rest = binary.BigEndian.AppendUint32(rest, uint32(b.records-1))     //nolint:gosec // small
	rest = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(rest, now), now)
	for range 14 { // no producer: its id, epoch and sequence are -1
		rest = append(rest, 0xff)
	}
	rest = binary.BigEndian.AppendUint32(rest, uint32(b.records)) //nolint:gosec // small
	rest = append(rest, b.compressed(t)...)
	all := binary.BigEndian.AppendUint64(nil, 0)
	all = binary.BigEndian.AppendUint32(all, uint32(4+1+4+len(rest))) //nolint:gosec // small
	all = append(all, 0xff, 0xff, 0xff, 0xff, 2)
	all = binary.BigEndian.AppendUint32(all, crc32.Checksum(rest, crc32.MakeTable(crc32.Castagnoli)))
	return append(all, rest...)
}

// produceBatch appends a batch at a broker. It returns the first offset and the size there.
func produceBatch(t testing.TB, address, topic string, partition int32, batch []byte) int64 {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.MaxVersions(kversion.V3_0_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	request := kmsg.NewProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 30_000
	inTopic := kmsg.NewProduceRequestTopic()
	inTopic.Topic = topic
	inPartition := kmsg.NewProduceRequestTopicPartition()
	inPartition.Partition, inPartition.Records = partition, batch
	inTopic.Partitions = append(inTopic.Partitions, inPartition)
	request.Topics = append(request.Topics, inTopic)
	answer, err := client.Broker(int(metadata.Brokers[0].NodeID)).Request(ctx, &request)
	if err != nil {
		t.Fatal(err)
	}
	done := answer.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if done.ErrorCode != 0 {
		t.Fatalf("Kafka does not take a batch of %d bytes: error %d", len(batch), done.ErrorCode)
	}
	return done.BaseOffset
}
