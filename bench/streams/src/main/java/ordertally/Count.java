package ordertally;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Counts the orders of a topic by day, each once, with exactly_once_v2: Count BROKER TOPIC EVENTS DIRECTORY. It says
 * "counted" when it has seen all, and ends.
 */
public final class Count {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    String broker = args[0], topic = args[1];
    long events = Long.parseLong(args[2]);
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, "count-" + System.nanoTime());
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker);
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
    config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    config.put(StreamsConfig.STATE_DIR_CONFIG, args[3]);
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64 << 20);
    config.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    config.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);

    CountDownLatch all = new CountDownLatch(1);
    AtomicLong counted = new AtomicLong();
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(Stores.keyValueStoreBuilder(
        Stores.persistentKeyValueStore("seen"), Serdes.String(), Serdes.ByteArray()));
    builder.addStateStore(Stores.keyValueStoreBuilder(
        Stores.persistentKeyValueStore("days"), Serdes.String(), Serdes.String()).withCachingEnabled());
    builder.stream(topic, Consumed.with(Serdes.String(), Serdes.ByteArray()))
        .process(() -> new Counter(() -> {
          if (counted.incrementAndGet() == events) {
            all.countDown();
          }
        }), "seen", "days");
    try (KafkaStreams streams = new KafkaStreams(builder.build(), config)) {
      streams.setUncaughtExceptionHandler(e -> {
        e.printStackTrace();
        System.exit(1);
        return null;
      });
      streams.start();
      all.await();
      System.out.println("counted");
      streams.close(Duration.ofSeconds(60));
    }
  }

  /** Adds an event to its day, unless its id was seen. */
  private static final class Counter implements Processor<String, byte[], Void, Void> {
    private static final byte[] MARK = {1};
    private final Runnable done;
    private KeyValueStore<String, byte[]> seen;
    private KeyValueStore<String, String> days;

    Counter(Runnable done) {
      this.done = done;
    }

    @Override
    public void init(ProcessorContext<Void, Void> context) {
      seen = context.getStateStore("seen");
      days = context.getStateStore("days");
    }

    @Override
    public void process(Record<String, byte[]> record) {
      String id = new String(record.headers().lastHeader("ce_id").value(), StandardCharsets.UTF_8);
      if (seen.putIfAbsent(id, MARK) != null) {
        return;
      }
      try {
        JsonNode order = JSON.readTree(record.value());
        String day = order.get("placed_at").asText().substring(0, 10) + "/" + order.get("currency").asText();
        long units = 0;
        for (JsonNode line : order.get("lines")) {
          units += line.get("quantity").asLong();
        }
        long[] sums = {1, order.get("lines").size(), units, order.get("total").asLong()};
        String before = days.get(day);
        if (before != null) {
          String[] parts = before.split(",");
          for (int i = 0; i < sums.length; i++) {
            sums[i] += Long.parseLong(parts[i]);
          }
        }
        days.put(day, sums[0] + "," + sums[1] + "," + sums[2] + "," + sums[3]);
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
      done.run();
    }
  }

  private Count() {}
}
