/* feed BROKERS RATE SECONDS SHARE CUSTOMERS
 *
 * Writes RATE events a second into the topic `events` for so many seconds, one in SHARE leading to a decision, and
 * reads `decisions` beside that with isolation.level=read_committed. Each event's id says when it was
 * handed to librdkafka, and each decision names the id of its event. Prints for each decision how many microseconds
 * lay between that and its becoming visible, a line each. What was sent in the first tenth is left out. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *brokers;
static long rate, seconds, share, customers;
static volatile int sent_all;

static void stop(const char *doing, const char *why) {
  fprintf(stderr, "feed: %s: %s\n", doing, why);
  exit(1);
}

static long long now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
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

static void *send_all(void *unused) {
  const char *const settings[][2] = {
      {"bootstrap.servers", brokers}, {"linger.ms", "0"}, {"partitioner", "murmur2_random"}, {"acks", "all"},
      {"enable.idempotence", "true"}};
  rd_kafka_t *writer = client(RD_KAFKA_PRODUCER, settings, sizeof settings / sizeof *settings);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(writer, "events", NULL);
  long long begin = now_us();
  for (long number = 0; number < rate * seconds; number++) {
    long long due = begin + number * 1000000LL / rate, now;
    while ((now = now_us()) < due) {
      struct timespec pause = {0, (due - now) * 1000 > 999999999 ? 999999999 : (due - now) * 1000};
      rd_kafka_poll(writer, 0);
      nanosleep(&pause, NULL);
    }
    char key[32], value[256];
    long customer = number * 7919 % customers;
    int key_length = snprintf(key, sizeof key, "c%ld", customer);
    int length = snprintf(value, sizeof value,
                          "{\"id\":\"e%ld-%lld\",\"type\":\"click\",\"time\":%lld,\"customer\":\"%s\",\"data\":{\"n\":%d,\"amount\":%ld}}",
                          number, now, now / 1000, key, number / 7 % share == 0 ? 0 : 1, number % 97);
    if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, (size_t)length, key,
                         (size_t)key_length, NULL))
      stop("sending", rd_kafka_err2str(rd_kafka_last_error()));
  }
  if (rd_kafka_flush(writer, 30000)) stop("sending", "not all is delivered");
  sent_all = 1;
  return unused;
}

/* From the decisions that are written from now on. */
static rd_kafka_t *reader_at_end(void) {
  const char *const settings[][2] = {
      {"bootstrap.servers", brokers}, {"group.id", "feed"}, {"enable.auto.commit", "false"},
      {"isolation.level", "read_committed"}, {"fetch.wait.max.ms", "100"}};
  rd_kafka_t *reader = client(RD_KAFKA_CONSUMER, settings, sizeof settings / sizeof *settings);
  const struct rd_kafka_metadata *metadata;
  rd_kafka_topic_t *handle = rd_kafka_topic_new(reader, "decisions", NULL);
  if (rd_kafka_metadata(reader, 0, handle, &metadata, 15000)) stop("decisions", "no such topic");
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
  for (int p = 0; p < metadata->topics[0].partition_cnt; p++) {
    int64_t low, high;
    if (rd_kafka_query_watermark_offsets(reader, "decisions", p, &low, &high, 15000)) stop("decisions", "no end");
    rd_kafka_topic_partition_list_add(list, "decisions", p)->offset = high;
  }
  if (rd_kafka_assign(reader, list)) stop("decisions", "cannot be assigned");
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_poll_set_consumer(reader);
  return reader;
}

int main(int count, char **words) {
  if (count != 6) return 64;
  brokers = words[1], rate = atol(words[2]), seconds = atol(words[3]), share = atol(words[4]), customers = atol(words[5]);
  rd_kafka_t *reader = reader_at_end();
  pthread_t sender;
  if (pthread_create(&sender, NULL, send_all, NULL)) stop("sending", "no thread");
  long seen = 0, expected = 0;
  for (long number = 0; number < rate * seconds; number++) expected += number / 7 % share == 0;
  long long last = now_us();
  while (seen < expected) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
    long long now = now_us();
    if (!message && sent_all && now - last > 30000000) stop("waiting", "not all decisions came");
    if (!message) continue;
    if (!message->err) {
      char text[4096];
      size_t length = message->len < sizeof text - 1 ? message->len : sizeof text - 1;
      memcpy(text, message->payload, length);
      text[length] = 0;
      const char *evidence = strstr(text, "\"evidence\":[\"e");
      long number;
      long long sent;
      if (!evidence || sscanf(evidence + 14, "%ld-%lld", &number, &sent) != 2) stop("a decision has no evidence", text);
      if (number >= rate * seconds / 10) printf("%lld\n", now - sent);
      seen++;
      last = now;
    }
    rd_kafka_message_destroy(message);
  }
  pthread_join(sender, NULL);
  return 0;
}
