/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Java and sarama call it; see settings/names.h.
 *
 * Names that librdkafka has, too (linger.ms, acks, session.timeout.ms), are
 * not here, also where the meaning differs.  Its unit holds the table against
 * the librdkafka in use: what it names instead is a setting.
 */
#include "shared/fby.h"

#include "shared/settings/names.h"

#define JAVA(name) "is the Java client's name of `" name "`"
#define SARAMA(name) "is sarama's name of `" name "`"
#define JVM "is the Java client's, and about the JVM: there is nothing like it"
#define BYTES                                                             \
	"is the Java client's: here records are bytes, and stay as they " \
	"are"
#define SECTION                                                             \
	"is a section of sarama's, which Numaflow no longer has: settings " \
	"are librdkafka's, one \"key: value\" in each line"
#define METRICS "is the Java client's: what is measured is at /metrics"
#define TRUST                                                         \
	"is the Java client's: `tls.caCertSecret` beside config has " \
	"the authority, as PEM"

struct name {
	const char *key, *what;
};

/* clang-format off */
static const struct name java[] = {
	/* consumer */
	{ "fetch.max.wait.ms", JAVA("fetch.wait.max.ms") },
	{ "max.poll.records", "is the Java client's: `limits.readBatchSize` "
	    "says how many records are taken at once" },
	{ "key.deserializer", BYTES },
	{ "value.deserializer", BYTES },
	{ "exclude.internal.topics", "is the Java client's, for patterns: "
	    "here topics are named" },
	{ "default.api.timeout.ms", "is the Java client's: "
	    "`socket.timeout.ms` bounds each request" },
	{ "group.initial.rebalance.delay.ms", "is a setting of the broker" },
	{ "group.min.session.timeout.ms", "is a setting of the broker" },
	{ "group.max.session.timeout.ms", "is a setting of the broker" },
	{ "offsets.retention.minutes", "is a setting of the broker" },
	{ "auto.create.topics.enable", "is a setting of the broker; the "
	    "client's is `allow.auto.create.topics`" },
	/* producer */
	{ "key.serializer", BYTES },
	{ "value.serializer", BYTES },
	{ "buffer.memory", "is the Java client's: `memory.budget` of the "
	    "Host document bounds it" },
	{ "max.block.ms", "is the Java client's: here nothing blocks, a sink "
	    "that is full holds back its partitions" },
	{ "max.request.size", JAVA("message.max.bytes") },
	{ "partitioner.class", JAVA("partitioner") ", and Java's default is "
	    "there `murmur2_random`" },
	{ "partitioner.ignore.keys", "is the Java client's: `setKey: false` "
	    "beside config writes without keys" },
	{ "partitioner.adaptive.partitioning.enable", "is the Java client's; "
	    "records without a key are spread by "
	    "`sticky.partitioning.linger.ms`" },
	{ "partitioner.availability.timeout.ms", "is the Java client's; "
	    "there is nothing like it" },
	{ "metadata.max.idle.ms", "is the Java client's; there is nothing "
	    "like it" },
	{ "compression.gzip.level", JAVA("compression.level") },
	{ "compression.lz4.level", JAVA("compression.level") },
	{ "compression.zstd.level", JAVA("compression.level") },
	{ "min.insync.replicas", "is a setting of the topic" },
	{ "retention.ms", "is a setting of the topic" },
	{ "cleanup.policy", "is a setting of the topic" },
	{ "max.message.bytes", "is a setting of the topic; the producer's is "
	    "`message.max.bytes`" },
	{ "message.timestamp.type", "is a setting of the topic" },
	/* both */
	{ "receive.buffer.bytes", JAVA("socket.receive.buffer.bytes") },
	{ "send.buffer.bytes", JAVA("socket.send.buffer.bytes") },
	{ "socket.connection.setup.timeout.max.ms",
	    JAVA("socket.connection.setup.timeout.ms") },
	{ "metric.reporters", METRICS },
	{ "metrics.num.samples", METRICS },
	{ "metrics.recording.level", METRICS },
	{ "metrics.sample.window.ms", METRICS },
	{ "auto.include.jmx.reporter", METRICS },
	{ "config.providers", "is the Java client's: secrets are named in "
	    "`tls` and `sasl` beside config" },
	{ "security.providers", JVM },
	{ "sasl.jaas.config", "is the Java client's: user and password are "
	    "secrets, in `sasl` beside config" },
	{ "sasl.kerberos.ticket.renew.jitter", "is the Java client's; there "
	    "is nothing like it" },
	{ "sasl.kerberos.ticket.renew.window.factor", "is the Java client's: "
	    "`sasl.kerberos.min.time.before.relogin` says how often" },
	{ "ssl.truststore.location", TRUST },
	{ "ssl.truststore.password", TRUST },
	{ "ssl.truststore.type", TRUST },
	{ "ssl.truststore.certificates", TRUST },
	{ "ssl.keystore.key", "is the Java client's: `tls.keySecret` beside "
	    "config has the key, as PEM" },
	{ "ssl.keystore.certificate.chain", "is the Java client's: "
	    "`tls.certSecret` beside config has the chain, as PEM" },
	{ "ssl.keystore.type", "is the Java client's: key and certificate are "
	    "PEM, in `tls` beside config" },
	{ "ssl.protocol", "is the Java client's: OpenSSL takes the newest "
	    "protocol that both ends have" },
	{ "ssl.enabled.protocols", "is the Java client's: OpenSSL takes the "
	    "newest protocol that both ends have" },
	{ "ssl.provider", JVM },
	{ "ssl.keymanager.algorithm", JVM },
	{ "ssl.trustmanager.algorithm", JVM },
	{ "ssl.secure.random.implementation", JVM },
	{ "specific.avro.reader", BYTES },
};

/* As they stand in a `config:` of that time, in any case. */
static const struct name sarama[] = {
	{ "admin", SECTION },
	{ "net", SECTION },
	{ "metadata", SECTION },
	{ "producer", SECTION },
	{ "consumer", SECTION },
	{ "fetch", SECTION },
	{ "flush", SECTION },
	{ "group", SECTION },
	{ "heartbeat", SECTION },
	{ "offsets", SECTION },
	{ "rebalance", SECTION },
	{ "retry", SECTION },
	{ "sasl", SECTION },
	{ "session", SECTION },
	{ "tls", SECTION },
	{ "transaction", SECTION },
	{ "channelBufferSize", "is sarama's; there is nothing like it" },
	{ "clientID", SARAMA("client.id") },
	{ "compression", SARAMA("compression.type") },
	{ "compressionLevel", SARAMA("compression.level") },
	{ "dialTimeout", SARAMA("socket.connection.setup.timeout.ms") },
	{ "frequency", SARAMA("linger.ms") },
	{ "idempotent", SARAMA("enable.idempotence") },
	{ "initial", SARAMA("auto.offset.reset")
	    ": -2 is `earliest`, -1 is `latest`" },
	{ "isolationLevel", SARAMA("isolation.level") },
	{ "keepAlive", SARAMA("socket.keepalive.enable") },
	{ "maxMessageBytes", SARAMA("message.max.bytes") },
	{ "maxOpenRequests", SARAMA("max.in.flight") },
	{ "maxProcessingTime", "is sarama's: nothing depends on how long a "
	    "record takes" },
	{ "maxWaitTime", SARAMA("fetch.wait.max.ms") },
	{ "rackID", SARAMA("client.rack") },
	{ "readTimeout", SARAMA("socket.timeout.ms") },
	{ "refreshFrequency", SARAMA("topic.metadata.refresh.interval.ms") },
	{ "requiredAcks", SARAMA("acks") },
	{ "strategy", SARAMA("partition.assignment.strategy") },
	{ "version", "is sarama's: client and broker agree on it" },
	{ "writeTimeout", SARAMA("socket.timeout.ms") },
};

/* Families. */
static const struct {
	const char *begin, *end, *what;
} alike[] = {
	{ "", ".class", JVM },
	{ "", ".classes", JVM },
	{ "", ".serializer", BYTES },
	{ "", ".deserializer", BYTES },
	{ "schema.registry.", "", BYTES },
	{ "sasl.login.", "", "is the Java client's; there is nothing like it" },
	{ "log4j.", "", JVM },
};

static const struct {
	const char *key, *value, *what;
} values[] = {
	{ "auto.offset.reset", "none", "is the Java client's value: here it "
	    "is `error`" },
	{ "partition.assignment.strategy", "RangeAssignor",
	    "is a class of the Java client's: here it is `range`" },
	{ "partition.assignment.strategy", "RoundRobinAssignor",
	    "is a class of the Java client's: here it is `roundrobin`" },
	{ "partition.assignment.strategy", "CooperativeStickyAssignor",
	    "is a class of the Java client's: here it is "
	    "`cooperative-sticky`" },
	{ "partition.assignment.strategy", "StickyAssignor",
	    "is a class of the Java client's: the nearest here is "
	    "`cooperative-sticky`, and all members must have the same" },
};
/* clang-format on */

static bool
has_ends(const char *key, const char *begin, const char *end)
{
	const size_t n = strlen(key), nb = strlen(begin), ne = strlen(end);

	return n > nb && n > ne && strncmp(key, begin, nb) == 0 &&
	    strcmp(key + n - ne, end) == 0;
}

const char *
fby_kafka_names_foreign(const char *key)
{
	for (size_t i = 0; i < FBY_NELEM(java); i++)
		if (strcmp(java[i].key, key) == 0)
			return java[i].what;
	for (size_t i = 0; i < FBY_NELEM(sarama); i++)
		if (strcasecmp(sarama[i].key, key) == 0)
			return sarama[i].what;
	for (size_t i = 0; i < FBY_NELEM(alike); i++)
		if (has_ends(key, alike[i].begin, alike[i].end))
			return alike[i].what;
	return NULL;
}

const char *
fby_kafka_names_value(const char *key, const char *value)
{
	const char *dot = strrchr(value, '.');
	const char *last = dot ? dot + 1 : value;

	for (size_t i = 0; i < FBY_NELEM(values); i++)
		if (strcmp(values[i].key, key) == 0 &&
		    strcmp(values[i].value, last) == 0)
			return values[i].what;
	return NULL;
}
