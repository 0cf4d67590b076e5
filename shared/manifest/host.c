/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directive tables of the Host document: everything that Numaflow does not
 * have, and the settings of it that have a syntax of their own.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

#define D(n, t, ...)                                        \
	{                                                   \
		.name = (n), .type = FBY_T_##t, __VA_ARGS__ \
	}
#define H(field) .offset = offsetof(struct fby_manifest, host.field)

#define MAX_WORKERS 128
#define SECOND_MS INT64_C(1000)
#define MINUTE_MS INT64_C(60000)
#define DAY_MS INT64_C(86400000)
#define CENTURY_MS (36525 * DAY_MS)
#define MIB (INT64_C(1) << 20)

/* ---- settings with a syntax of their own ------------------------------ */

static int
set_workers(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	int64_t n = 0;

	if (node->kind != FBY_NODE_SCALAR ||
	    (strcmp(node->text, "auto") != 0 &&
		(fby_units_int(node->text, &n) != NULL || n < 1 ||
		    n > MAX_WORKERS)))
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed "
		    "is auto, or a whole number from 1 to %d",
		    path, fby_yaml_describe(c->pool, node), MAX_WORKERS);
	*(int64_t *)field = n;
	return 0;
}

static int
read_cpus(struct fby_conf *c, const struct fby_node *node, const char *path,
    bool used[FBY_UNITS_CPUS_MAX])
{
	if (node->kind == FBY_NODE_SCALAR &&
	    fby_units_cpus(node->text, used) == NULL)
		return 0;
	return fby_err_add(c->err, node->pos,
	    "%s: found %s, allowed are "
	    "CPU numbers up to %d and ranges such as \"4-7\"",
	    path, fby_yaml_describe(c->pool, node), FBY_UNITS_CPUS_MAX - 1);
}

static int
set_cpus(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	struct fby_strings *cpus = field;
	bool used[FBY_UNITS_CPUS_MAX] = { false };
	int rc = 0;

	if (node->kind != FBY_NODE_LIST)
		rc = read_cpus(c, node, path, used);
	else
		for (size_t i = 0; i < node->n; i++)
			rc |= read_cpus(c, node->items[i].node,
			    fby_psprintf(c->pool, "%s[%zu]", path, i), used);
	if (rc)
		return -1;
	cpus->v = fby_pcalloc(c->pool, FBY_UNITS_CPUS_MAX * sizeof(*cpus->v));
	for (int i = 0; i < FBY_UNITS_CPUS_MAX; i++)
		if (used[i])
			cpus->v[cpus->n++] = fby_psprintf(c->pool, "%d", i);
	return 0;
}

static bool
is_listen(const char *text)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	const char *colon = strrchr(text, ':');
	size_t len;
	int64_t port;

	if (colon == NULL || strlen(colon + 1) > 5 || colon[1] == '+' ||
	    fby_units_int(colon + 1, &port) != NULL || port < 0 || port > 65535)
		return false;
	len = (size_t)(colon - text);
	if (text[0] == '[')
		return len > 2 && colon[-1] == ']' &&
		    strspn(text + 1, "0123456789abcdefABCDEF:.") == len - 2;
	return len > 0 && strspn(text, name) == len;
}

static int
set_listen(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	const char **listen = field;
	const bool scalar = node->kind == FBY_NODE_SCALAR;

	if (scalar && (*node->text == '\0' || strcmp(node->text, "off") == 0))
		*listen = "";
	else if (scalar && is_listen(node->text))
		*listen = node->text;
	else
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is ADDRESS:PORT, or off", path,
		    fby_yaml_describe(c->pool, node));
	return 0;
}

static int
set_directory(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	if (node->kind != FBY_NODE_SCALAR || node->text[0] != '/')
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is an absolute path", path,
		    fby_yaml_describe(c->pool, node));
	*(const char **)field = node->text;
	return 0;
}

/* clang-format off */
static const struct fby_own workers_type = {
	.syntax = "auto or whole number", .like = FBY_T_INT,
	.set = set_workers,
};
static const struct fby_own cpus_type = {
	.syntax = "CPU numbers, list or \"0-3,8\"", .like = FBY_T_STRS,
	.set = set_cpus,
};
static const struct fby_own listen_type = {
	.syntax = "ADDRESS:PORT or off", .like = FBY_T_STR, .set = set_listen,
};
static const struct fby_own directory_type = {
	.syntax = "absolute path", .like = FBY_T_STR, .set = set_directory,
};
/* clang-format on */

/* ---- runtimes --------------------------------------------------------- */

struct runtime_fields {
	struct fby_strings command, args;
	struct fby_runtime rt;
};

#define R(field) .offset = offsetof(struct runtime_fields, field)

static const struct fby_enum protocol_names[] = {
	{ "numaflow", FBY_RUNTIME_NUMAFLOW },
	{ "worker", FBY_RUNTIME_WORKER },
	{ 0 },
};

static const struct fby_enum scheme_names[] = {
	{ "https", FBY_METRICS_HTTPS },
	{ "http", FBY_METRICS_HTTP },
	{ 0 },
};

/* clang-format off */
static const struct fby_directive metrics_table[] = {
	D("port", INT, R(rt.metrics.port), .dflt = "2469",
	    .min = 1, .max = 65535,
	    .help = "On 127.0.0.1."),
	D("scheme", ENUM, R(rt.metrics.scheme), .dflt = "https",
	    .arg = scheme_names,
	    .help = "No certificate is asked for."),
	{ 0 }
};

static const struct fby_directive readiness_table[] = {
	D("port", INT, R(rt.readiness.port), .flags = FBY_D_REQUIRED,
	    .min = 1, .max = 65535,
	    .help = "On 127.0.0.1."),
	D("path", STR, R(rt.readiness.path),
	    .help = "Asked for by HTTP; without it a connection is enough."),
	{ 0 }
};

static const struct fby_directive runtime_table[] = {
	D("command", STRS, R(command), .flags = FBY_D_REQUIRED, .min = 1,
	    .help = "Program, an absolute path, and arguments."),
	D("args", STRS, R(args), .help = "More arguments."),
	D("env", MAP, .flags = FBY_D_RAW,
	    .help = "Environment variables, NAME: value."),
	D("user", STR, R(rt.user),
	    .help = "User of the machine, by name or number, that it runs as. "
		"Default is forebay's own. Takes a forebay that runs as root."),
	D("protocol", ENUM, R(rt.protocol), .dflt = "numaflow",
	    .arg = protocol_names,
	    .help = "How it is started and spoken to."),
	D("replicas", INT, R(rt.replicas), .dflt = "1", .min = 1, .max = 64,
	    .help = "Processes, with the protocol numaflow."),
	D("readiness", BLOCK, .arg = readiness_table,
	    .present = FBY_PRESENT(struct runtime_fields,
		rt.readiness.present),
	    .help = "How it is seen that it is ready."),
	D("metrics", BLOCK, .arg = metrics_table,
	    .present = FBY_PRESENT(struct runtime_fields, rt.metrics.present),
	    .help = "Where it has Numaflow's /metrics."),
	{ 0 }
};
/* clang-format on */

static void
read_runtime_env(struct fby_conf *c, struct fby_strings *env,
    const struct fby_node *node)
{
	if (node == NULL || node->kind != FBY_NODE_MAP)
		return;
	env->v = fby_pcalloc(c->pool, (node->n + 1) * sizeof(*env->v));
	for (size_t i = 0; i < node->n; i++)
		if (node->items[i].node->kind == FBY_NODE_SCALAR)
			env->v[env->n++] = fby_psprintf(c->pool, "%s=%s",
			    node->items[i].key, node->items[i].node->text);
}

static struct fby_strings
join(struct fby_pool *pool, const struct fby_strings *a,
    const struct fby_strings *b)
{
	struct fby_strings all;

	all.v = fby_pcalloc(pool, (a->n + b->n + 1) * sizeof(*all.v));
	all.n = 0;
	for (size_t i = 0; i < a->n; i++)
		all.v[all.n++] = a->v[i];
	for (size_t i = 0; i < b->n; i++)
		all.v[all.n++] = b->v[i];
	return all;
}

static struct fby_pos
key_pos(const struct fby_node *map, const char *key)
{
	const struct fby_item *item = fby_yaml_item(map, key);

	return item ? item->key_pos : map->pos;
}

static void
check_runtime(struct fby_conf *c, const struct fby_runtime *rt,
    const struct fby_node *node, const char *path)
{
	const bool is_worker = rt->protocol == FBY_RUNTIME_WORKER;
	const char *url = rt->readiness.path;
	const struct fby_node *command = fby_yaml_find(node, "command");

	if (rt->command.n > 0 && command && command->n > 0 &&
	    rt->command.v[0][0] != '/')
		fby_err_add(c->err, command->items[0].node->pos,
		    "%s.command[0]: found \"%s\", allowed is an absolute "
		    "path of a program",
		    path, rt->command.v[0]);
	if (is_worker && rt->replicas != 1)
		fby_err_add(c->err, key_pos(node, "replicas"),
		    "%s.replicas: found %" PRId64 ", allowed with the protocol "
		    "worker is 1; spec.workers says how many there are",
		    path, rt->replicas);
	if (is_worker && rt->readiness.present)
		fby_err_add(c->err, key_pos(node, "readiness"),
		    "%s.readiness: has no place with the protocol worker, "
		    "whose READY says it",
		    path);
	if (is_worker && rt->metrics.present)
		fby_err_add(c->err, key_pos(node, "metrics"),
		    "%s.metrics: has no place with the protocol worker, whose "
		    "counters are in the ledger",
		    path);
	if (url && *url != '/')
		fby_err_add(c->err, key_pos(node, "readiness"),
		    "%s.readiness.path: found \"%s\", allowed is what begins "
		    "with /",
		    path, url);
}

static void
read_runtime(struct fby_conf *c, struct fby_runtime *rt,
    const struct fby_item *item, const char *path)
{
	struct runtime_fields fields = { .rt.replicas = 1 };

	rt->name = item->key;
	if (strcmp(item->key, "c") == 0 || item->key[0] == '\0') {
		fby_err_add(c->err, item->key_pos,
		    "%s: found the name "
		    "\"%s\", allowed is one that is neither empty nor \"c\", "
		    "forebay's own workers",
		    path, item->key);
		return;
	}
	path = fby_psprintf(c->pool, "%s.%s", path, item->key);
	fby_conf_read(c, runtime_table, &fields, item->node, path);
	*rt = fields.rt;
	rt->name = item->key;
	rt->command = join(c->pool, &fields.command, &fields.args);
	/* What is known of it does not depend on where it is. */
	if (strcmp(rt->name, "rust") == 0 && !rt->metrics.present &&
	    rt->protocol == FBY_RUNTIME_NUMAFLOW) {
		rt->metrics.present = true;
		rt->metrics.port = FBY_NUMAFLOW_PORT;
	}
	read_runtime_env(c, &rt->env, fby_yaml_find(item->node, "env"));
	check_runtime(c, rt, item->node, path);
}

static int
set_runtimes(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	struct fby_manifest *m = field;
	struct fby_runtime *rts;

	if (node->kind != FBY_NODE_MAP)
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is a map from names to commands",
		    path, fby_yaml_describe(c->pool, node));
	rts = fby_pcalloc(c->pool, (node->n + 1) * sizeof(*rts));
	for (size_t i = 0; i < node->n; i++)
		read_runtime(c, &rts[i], &node->items[i], path);
	m->host.runtimes = rts;
	m->host.nruntimes = node->n;
	return 0;
}

static const struct fby_own runtimes_type = {
	.syntax = "map NAME: {command: [...], args: [...], env: {...}, "
		  "user: NAME, protocol: numaflow or worker, replicas: N, "
		  "readiness: {port: N, path: /...}, "
		  "metrics: {port: N, scheme: https or http}}",
	.like = FBY_T_ANY,
	.set = set_runtimes,
};

/* ---- canary ----------------------------------------------------------- */

static int
set_share(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	char digits[8] = "";
	int64_t n = -1;
	size_t len;

	if (node->kind == FBY_NODE_SCALAR &&
	    (len = strspn(node->text, "0123456789")) < sizeof(digits) &&
	    strcmp(node->text + len, "%") == 0) {
		memcpy(digits, node->text, len);
		if (fby_units_int(digits, &n) != NULL)
			n = -1;
	}
	if (n < 0 || n > 100)
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is a percentage from 0%% to 100%%",
		    path, fby_yaml_describe(c->pool, node));
	*(int64_t *)field = n;
	return 0;
}

static const struct fby_own share_type = {
	.syntax = "percentage",
	.like = FBY_T_INT,
	.set = set_share,
};

/* ---- tables ----------------------------------------------------------- */

/* clang-format off */
static const struct fby_directive http_table[] = {
	D("listen", OWN, H(http_listen), .flags = FBY_D_RESTART,
	    .dflt = "127.0.0.1:2469", .arg = &listen_type,
	    .help = "The master serves `/metrics`, `/livez` and `/readyz` "
		"here; port 0 takes any free one."),
	{ 0 }
};

static const struct fby_enum level_names[] = {
	{ "crit", FBY_LOG_CRIT },
	{ "error", FBY_LOG_ERR },
	{ "warn", FBY_LOG_WARN },
	{ "notice", FBY_LOG_NOTICE },
	{ "info", FBY_LOG_INFO },
	{ "debug", FBY_LOG_DEBUG },
	{ 0 }
};

static const struct fby_directive log_table[] = {
	D("file", OWN, H(log_file), .flags = FBY_D_RESTART,
	    .arg = &directory_type, .unset = "standard error",
	    .help = "Master and workers append to this file; USR1 makes them "
		"open it anew."),
	D("level", ENUM, H(log_level), .flags = FBY_D_LIVE, .dflt = "notice",
	    .arg = level_names, .help = "The least important lines that are "
		"written."),
	{ 0 }
};

static const struct fby_directive idle_table[] = {
	D("threshold", MSEC, H(watermark.idle.threshold_ms),
	    .flags = FBY_D_REQUIRED, .min = 1, .max = DAY_MS,
	    .help = "A partition counts as idle when no record has come for "
		"so long."),
	D("incrementBy", MSEC, H(watermark.idle.increment_by_ms),
	    .flags = FBY_D_REQUIRED, .min = 1, .max = DAY_MS,
	    .help = "How far the watermark of an idle partition advances at "
		"a time; not above threshold."),
	D("stepInterval", MSEC, H(watermark.idle.step_interval_ms),
	    .dflt = "0s", .min = 0, .max = DAY_MS,
	    .help = "Least time between two advances."),
	D("initSourceDelay", MSEC, H(watermark.idle.init_source_delay_ms),
	    .min = 1, .max = DAY_MS,
	    .help = "A partition that has never had a record advances after "
		"this; not below threshold."),
	{ 0 }
};

static const struct fby_directive watermark_table[] = {
	D("maxDelay", MSEC, H(watermark.max_delay_ms), .dflt = "0s",
	    .min = 0, .max = DAY_MS,
	    .help = "A record may be so much older than the newest one and "
		"is not late."),
	D("maxFuture", MSEC, H(watermark.max_future_ms), .dflt = "1h",
	    .min = 0, .max = CENTURY_MS,
	    .help = "How far past the wall clock an event time may lie. The "
		"watermark takes this limit in place of a later time. "
		"`forebay_partition_future_total` counts such records, and "
		"the master raises an alarm."),
	D("idleSource", BLOCK,
	    .present = FBY_PRESENT(struct fby_manifest,
		host.watermark.idle.present),
	    .arg = idle_table,
	    .help = "Advance the watermark of idle partitions."),
	{ 0 }
};

static const struct fby_directive memory_table[] = {
	D("budget", BYTES, H(memory.budget_bytes), .dflt = "64MiB",
	    .min = MIB, .max = INT64_C(1) << 40,
	    .help = "Bytes of records, for each worker: half of it for what is "
		"prefetched, half for what is in flight, in batches and in the "
		"sinks."),
	D("maxRecords", INT, H(memory.max_records), .dflt = "100000",
	    .min = 1, .max = 10000000,
	    .help = "Records in flight, for each worker."),
	{ 0 }
};

static const struct fby_directive dead_letter_table[] = {
	D("topic", STR, .flags = FBY_D_REQUIRED,
	    .offset = offsetof(struct fby_kafka, topic),
	    .help = "Topic to write. Headers tell where the record came from "
		"and why it is here."),
	D("brokers", STRS, .offset = offsetof(struct fby_kafka, brokers),
	    .min = 1, .unset = "those of the source",
	    .help = "Addresses (host:port) of another cluster. TLS and login "
		"are the source's."),
	D("truncate", BOOL, .offset = offsetof(struct fby_kafka, truncate),
	    .dflt = "true",
	    .help = "true: the worker writes a record that is too large for "
		"this topic, too, without its value and, if that is not "
		"enough, without key and own headers; headers have the "
		"value's size and SHA-256. false: such a record holds its "
		"partition. In both cases the worker writes a record whose "
		"timestamp this topic refuses with the present time; a "
		"header has its own."),
	{ 0 }
};

static const struct fby_directive kafka_table[] = {
	D("config", STR, H(kafka.config),
	    .help = "How this host connects: settings of librdkafka that "
		"begin with ssl., sasl., security., https., socket., "
		"broker., client. or plugin. They apply to all clients, "
		"after those of the MonoVertex. Only this setting may name "
		"programs, libraries and files."),
	{ 0 }
};

static const struct fby_enum delivery_names[] = {
	{ "atLeastOnce", FBY_AT_LEAST_ONCE },
	{ "exactlyOnce", FBY_EXACTLY_ONCE },
	{ 0 }
};

static const struct fby_directive transaction_table[] = {
	D("maxRecords", INT, H(transaction.max_records), .dflt = "10000",
	    .min = 1, .max = 10000000,
	    .help = "A transaction is committed when it has so many records."),
	D("maxDelay", MSEC, H(transaction.max_delay_ms), .dflt = "100ms",
	    .min = 1, .max = MINUTE_MS,
	    .help = "A transaction is committed when it is so old, too; a "
		"consumer of the topic waits so long at most."),
	{ 0 }
};

static const struct fby_directive poison_table[] = {
	D("kills", INT, H(poison_kills), .dflt = "3", .min = 1, .max = 1000,
	    .help = "When so many workers have died with the same record, "
		"and no other, in the sink, the record goes to the "
		"dead-letter topic. Without one the master holds the "
		"partition back and raises an alarm."),
	{ 0 }
};

static const struct fby_directive canary_table[] = {
	D("runtime", STR, H(canary.runtime), .flags = FBY_D_REQUIRED,
	    .help = "A runtime other than the one that `NUMAFLOW_RUNTIME` "
		"chooses."),
	D("share", OWN, H(canary.share), .flags = FBY_D_LIVE, .dflt = "10%",
	    .arg = &share_type,
	    .help = "Its share of the partitions; at least one if there are "
		"two. A runtime of the protocol numaflow is one more member "
		"of the group, and the group decides what it gets."),
	{ 0 }
};

static const struct fby_directive spec_table[] = {
	D("workers", OWN, H(workers), .flags = FBY_D_ROLL, .dflt = "auto",
	    .arg = &workers_type,
	    .help = "Number of worker processes; auto: one for each CPU that "
		"forebay may use. At most 128."),
	D("cpuAffinity", OWN, H(cpus), .flags = FBY_D_ROLL,
	    .arg = &cpus_type, .unset = "all that may be used",
	    .help = "CPUs that the workers are pinned to, one after the "
		"other. Without it the master pins workers only if there is "
		"one for each CPU: a quota or `workers` says how many CPUs "
		"to use and not which."),
	D("http", BLOCK, .arg = http_table,
	    .help = "The listener for metrics and health."),
	D("runDirectory", OWN, H(run_directory), .flags = FBY_D_RESTART,
	    .arg = &directory_type,
	    .unset = "$RUNTIME_DIRECTORY, else /run/forebay/NAME",
	    .help = "The directory of ledger, control socket and pid file."),
	D("secretsDirectory", OWN, H(secrets_directory),
	    .flags = FBY_D_RESTART, .dflt = "/var/numaflow/secrets",
	    .arg = &directory_type,
	    .help = "The directory of the secrets, as NAME/KEY. A secret "
		"that is not there is looked for as the systemd credential "
		"NAME.KEY."),
	D("log", BLOCK, .arg = log_table, .help = "The log."),
	D("commitInterval", MSEC, H(commit_interval_ms),
	    .flags = FBY_D_LIVE, .dflt = "1s", .min = 10, .max = 10 * MINUTE_MS,
	    .help = "Time between two commits."),
	D("drainTimeout", MSEC, H(drain_timeout_ms), .flags = FBY_D_LIVE,
	    .dflt = "30s", .min = 0, .max = DAY_MS,
	    .help = "How long a worker may take to finish the records of a "
		"partition that it gives back; below `max.poll.interval.ms` "
		"(300 s)."),
	D("workerTimeout", MSEC, H(worker_timeout_ms), .flags = FBY_D_LIVE,
	    .dflt = "10s", .min = SECOND_MS, .max = 10 * MINUTE_MS,
	    .help = "The master kills and replaces a worker whose event loop "
		"stands still for so long."),
	D("progressTimeout", MSEC, H(progress_timeout_ms),
	    .flags = FBY_D_LIVE, .dflt = "30s", .min = SECOND_MS, .max = DAY_MS,
	    .help = "The master raises an alarm for a partition that has "
		"something to read, or records in flight, when none of them "
		"has been acknowledged for so long."),
	D("maxPartitions", INT, H(max_partitions), .flags = FBY_D_RESTART,
	    .dflt = "65536", .min = 1, .max = 1000000,
	    .help = "Rows of the ledger: the number of partitions that this "
		"host can hold. Unused rows take no memory."),
	D("watermark", BLOCK, .flags = FBY_D_LIVE, .arg = watermark_table,
	    .help = "Event time."),
	D("memory", BLOCK, .flags = FBY_D_ROLL, .arg = memory_table,
	    .help = "Memory limits of each worker."),
	D("deadLetter", BLOCK,
	    .offset = offsetof(struct fby_manifest,
		sinks[FBY_SINK_DEAD_LETTER].kafka),
	    .present = FBY_PRESENT(struct fby_manifest,
		sinks[FBY_SINK_DEAD_LETTER].present),
	    .flags = FBY_D_ROLL, .arg = dead_letter_table,
	    .help = "The topic for records that cannot be delivered."),
	D("functions", BLOCK, .flags = FBY_D_ROLL,
	    .arg = fby_manifest_host_functions,
	    .help = "How this machine runs the user-defined functions of the "
		"MonoVertex. What is set here replaces the same of the "
		"container section."),
	D("kafka", BLOCK, .flags = FBY_D_RESTART, .arg = kafka_table,
	    .help = "Connections to Kafka."),
	D("poisonPill", BLOCK, .flags = FBY_D_LIVE, .arg = poison_table,
	    .help = "Records that kill workers."),
	D("delivery", ENUM, H(delivery), .flags = FBY_D_RESTART,
	    .dflt = "atLeastOnce", .arg = delivery_names,
	    .help = "`exactlyOnce` writes records and offsets in one "
		"transaction; the sinks must be of the source's cluster."),
	D("transaction", BLOCK, .flags = FBY_D_LIVE, .arg = transaction_table,
	    .help = "For `delivery: exactlyOnce`."),
	D("runtimes", OWN, .flags = FBY_D_ROLL, .arg = &runtimes_type,
	    .help = "Other programs that can move the records; "
		"`NUMAFLOW_RUNTIME` chooses one. `rust` (`/bin/numaflow-rs "
		"processor`) needs no entry. A reload looks only at the "
		"entries of the chosen runtime and of the canary."),
	D("canary", BLOCK, .flags = FBY_D_ROLL, .arg = canary_table,
	    .present = FBY_PRESENT(struct fby_manifest, host.canary.present),
	    .help = "A second runtime, beside the first, for a share of the "
		"partitions. When it changes, a reload replaces its own "
		"workers only."),
	{ 0 }
};

const struct fby_directive fby_manifest_host_table[] = {
	D("apiVersion", STR, .flags = FBY_D_K8S,
	    .help = "`" FBY_MANIFEST_HOST_API "`."),
	D("kind", STR, .flags = FBY_D_K8S, .help = "`Host`."),
	D("metadata", ANY, .flags = FBY_D_K8S, .help = "Without effect."),
	D("spec", BLOCK, .arg = spec_table, .help = "Settings of this "
		"machine."),
	{ 0 }
};
/* clang-format on */
