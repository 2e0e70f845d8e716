/* bare BROKERS FROM TO RECORDS
 *
 * The least that Kafka asks of whoever reads records, keeps them and reads them again: copies so many
 * records of the topic FROM into the topic TO, in transactions with the offsets, and then reads TO with
 * isolation.level=read_committed. It looks at no record. The settings are those that Kairos uses.
 * Prints what it has seen. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 10000, MOST_PARTITIONS = 1024 };

static void stop(const char *doing, const char *why) {
  fprintf(stderr, "bare: %s: %s\n", doing, why);
  exit(1);
}

static void check(const char *doing, rd_kafka_error_t *error) {
  if (error) stop(doing, rd_kafka_error_string(error));
}

static void check_code(const char *doing, rd_kafka_resp_err_t code) {
  if (code) stop(doing, rd_kafka_err2str(code));
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *const (*settings)[2], size_t count) {
  char why[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  for (size_t i = 0; i < count; i++)
    if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why)) stop("setting", why);
  rd_kafka_t *made = rd_kafka_new(type, conf, why, sizeof why);
  if (!made) stop("starting", why);
  return made;
}

static rd_kafka_t *consumer(const char *brokers) {
  const char *const settings[][2] = {
      {"bootstrap.servers", brokers}, {"group.id", "bare"}, {"enable.auto.commit", "false"},
      {"isolation.level", "read_committed"}, {"queued.min.messages", "500000"},
      {"queued.max.messages.kbytes", "131072"}, {"fetch.message.max.bytes", "4194304"},
      {"fetch.wait.max.ms", "100"}, {"auto.offset.reset", "earliest"}, {"socket.nagle.disable", "true"}};
  return client(RD_KAFKA_CONSUMER, settings, sizeof settings / sizeof *settings);
}

static rd_kafka_t *producer(const char *brokers) {
  const char *const settings[][2] = {
      {"bootstrap.servers", brokers}, {"transactional.id", "bare"}, {"linger.ms", "5"},
      {"queue.buffering.max.messages", "1000000"}, {"queue.buffering.max.kbytes", "65536"},
      {"compression.type", "lz4"}, {"batch.num.messages", "100000"}, {"message.max.bytes", "20971520"},
      {"partitioner", "murmur2_random"}, {"socket.nagle.disable", "true"}};
  return client(RD_KAFKA_PRODUCER, settings, sizeof settings / sizeof *settings);
}

/* Reads all partitions of a topic from the beginning. */
static rd_kafka_queue_t *all_of(rd_kafka_t *reader, const char *topic) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_topic_t *handle = rd_kafka_topic_new(reader, topic, NULL);
  check_code("metadata", rd_kafka_metadata(reader, 0, handle, &metadata, 15000));
  int partitions = metadata->topics[0].partition_cnt;
  if (partitions < 1 || partitions > MOST_PARTITIONS) stop(topic, "no such topic");
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; p++) rd_kafka_topic_partition_list_add(list, topic, p)->offset = 0;
  check_code("assigning", rd_kafka_assign(reader, list));
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
  return rd_kafka_queue_get_consumer(reader);
}

static void commit(rd_kafka_t *writer, rd_kafka_t *reader, const char *topic, const int64_t *next) {
  rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(8);
  for (int p = 0; p < MOST_PARTITIONS; p++)
    if (next[p]) rd_kafka_topic_partition_list_add(offsets, topic, p)->offset = next[p];
  rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(reader);
  check("sending offsets", rd_kafka_send_offsets_to_transaction(writer, offsets, group, 30000));
  check("committing", rd_kafka_commit_transaction(writer, 60000));
  rd_kafka_consumer_group_metadata_destroy(group);
  rd_kafka_topic_partition_list_destroy(offsets);
}

int main(int count, char **words) {
  if (count != 5) return 64;
  const char *brokers = words[1], *from = words[2], *to = words[3];
  long records = atol(words[4]), copied = 0, read = 0, commits = 0;
  unsigned long long copied_bytes = 0, read_bytes = 0;
  static rd_kafka_message_t *messages[BATCH];
  static int64_t next[MOST_PARTITIONS];

  rd_kafka_t *reader = consumer(brokers), *writer = producer(brokers);
  rd_kafka_queue_t *queue = all_of(reader, from);
  rd_kafka_topic_t *target = rd_kafka_topic_new(writer, to, NULL);
  check("beginning", rd_kafka_init_transactions(writer, 60000));
  while (copied < records) {
    long since = copied;
    check("beginning", rd_kafka_begin_transaction(writer));
    while (copied < records && copied - since < 20 * BATCH) {
      ssize_t got = rd_kafka_consume_batch_queue(queue, 100, messages, BATCH);
      for (ssize_t i = 0; i < got; i++) {
        rd_kafka_message_t *message = messages[i];
        if (!message->err) {
          while (rd_kafka_produce(target, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, message->payload, message->len,
                                  message->key, message->key_len, NULL)) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
              stop("writing", rd_kafka_err2str(rd_kafka_last_error()));
            rd_kafka_poll(writer, 10);
          }
          next[message->partition] = message->offset + 1;
          copied_bytes += message->len;
          copied++;
        }
        rd_kafka_message_destroy(message);
      }
      rd_kafka_poll(writer, 0);
    }
    commit(writer, reader, from, next);
    commits++;
  }
  rd_kafka_queue_destroy(queue);
  rd_kafka_assign(reader, NULL);

  queue = all_of(reader, to);
  while (read < records) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, 100, messages, BATCH);
    for (ssize_t i = 0; i < got; i++) {
      if (!messages[i]->err) {
        read_bytes += messages[i]->len;
        read++;
      }
      rd_kafka_message_destroy(messages[i]);
    }
  }
  printf("{\"copied\":%ld,\"read\":%ld,\"copied_bytes\":%llu,\"read_bytes\":%llu,\"commits\":%ld}\n", copied, read,
         copied_bytes, read_bytes, commits);
  return copied_bytes == read_bytes ? 0 : 1;
}
