/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directive tables of the MonoVertex document, all of MonoVertexSpec.
 *
 * Three sorts of rows: what forebay does; what is Kubernetes' business and
 * accepted without effect (FBY_D_K8S); what the C workers do not do and
 * another runtime may (FBY_D_REFUSED, with the sentence that says so).
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/mem.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

#define D(n, t, ...)                                        \
	{                                                   \
		.name = (n), .type = FBY_T_##t, __VA_ARGS__ \
	}
#define F(type, field) .offset = offsetof(struct type, field)
#define P(type, field) .present = FBY_PRESENT(struct type, field)
#define K8S(n, t, ...)                                              \
	{                                                           \
		.name = (n), .type = FBY_T_##t, .flags = FBY_D_K8S, \
		__VA_ARGS__                                         \
	}
#define REFUSED(n, why)                                                 \
	{                                                               \
		.name = (n), .type = FBY_T_ANY, .flags = FBY_D_REFUSED, \
		.arg = (why), .help = (why)                             \
	}

#define MAX_RECORDS 10000000
#define MAX_INT32 INT32_MAX
#define HOUR_MS INT64_C(3600000)

/* ---- containerTemplate ------------------------------------------------ */

/* clang-format off */
static const struct fby_directive env_table[] = {
	D("name", STR, .flags = FBY_D_REQUIRED, .help = "Name."),
	D("value", STR, .help = "Value."),
	K8S("valueFrom", ANY, .help = "Value from elsewhere."),
	{ 0 }
};
/* clang-format on */

static int
set_env(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	struct fby_strings *env = field;
	const struct fby_node *name, *value;

	if (node->kind != FBY_NODE_LIST)
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is a list of names and values", path,
		    fby_yaml_describe(c->pool, node));
	env->v = fby_pcalloc(c->pool, (node->n + 1) * sizeof(*env->v));
	for (size_t i = 0; i < node->n; i++) {
		fby_conf_read(c, env_table, NULL, node->items[i].node,
		    fby_psprintf(c->pool, "%s[%zu]", path, i));
		name = fby_yaml_find(node->items[i].node, "name");
		value = fby_yaml_find(node->items[i].node, "value");
		if (name && value && name->kind == FBY_NODE_SCALAR &&
		    value->kind == FBY_NODE_SCALAR)
			env->v[env->n++] = fby_psprintf(c->pool, "%s=%s",
			    name->text, value->text);
	}
	return 0;
}

static const struct fby_own env_type = {
	.syntax = "list of {name, value}",
	.like = FBY_T_ANY,
	.set = set_env,
};

/* clang-format off */
static const struct fby_directive container_table[] = {
	D("env", OWN, F(fby_manifest, env), .flags = FBY_D_ROLL,
	    .arg = &env_type,
	    .help = "`NUMAFLOW_RUNTIME` chooses the program that moves the "
		"records: `c` or a name under runtimes. If a name occurs "
		"twice, the last entry counts. Other runtimes get the other "
		"variables."),
	K8S("envFrom", LIST, .help = "Further environment."),
	K8S("resources", ANY, .help = "Requests and limits."),
	K8S("imagePullPolicy", STR, .help = "Image pull policy."),
	K8S("securityContext", ANY, .help = "Security context."),
	K8S("readinessProbe", ANY, .help = "Readiness probe."),
	K8S("livenessProbe", ANY, .help = "Liveness probe."),
	{ 0 }
};

/* ---- source and sink -------------------------------------------------- */

static const char other_source[] = "the C workers read from Kafka only; "
    "another runtime may read from this (NUMAFLOW_RUNTIME)";
static const char other_sink[] = "the C workers do not write to this yet; "
    "another runtime may (NUMAFLOW_RUNTIME)";
static const char no_rate_limit[] = "the C workers have no rate limit yet; "
    "another runtime may (NUMAFLOW_RUNTIME)";

static const struct fby_directive source_table[] = {
	D("kafka", BLOCK, F(fby_manifest, source),
	    P(fby_manifest, source.present), .flags = FBY_D_RESTART,
	    .arg = fby_manifest_kafka_source, .help = "Read from Kafka."),
	D("transformer", BLOCK, F(fby_manifest, functions[FBY_FUNCTION_TRANSFORMER]),
	    P(fby_manifest, functions[FBY_FUNCTION_TRANSFORMER].present),
	    .flags = FBY_D_ROLL, .arg = fby_manifest_transformer,
	    .help = "A user-defined function that each record passes first. "
		"It may change the record and its event time, drop it, or "
		"make several of it."),
	REFUSED("generator", other_source),
	REFUSED("http", other_source),
	REFUSED("nats", other_source),
	REFUSED("udsource", other_source),
	REFUSED("jetstream", other_source),
	REFUSED("serving", other_source),
	REFUSED("pulsar", other_source),
	REFUSED("sqs", other_source),
	{ 0 }
};

static const struct fby_directive no_table[] = { { 0 } };

static const struct fby_enum on_failure_names[] = {
	{ "retry", FBY_ON_FAILURE_RETRY },
	{ "fallback", FBY_ON_FAILURE_FALLBACK },
	{ "drop", FBY_ON_FAILURE_DROP },
	{ 0 }
};

static const struct fby_directive backoff_table[] = {
	D("interval", MSEC, F(fby_retry_strategy, interval_ms),
	    .dflt = "1ms", .min = 1, .max = HOUR_MS,
	    .help = "Wait before the first repetition."),
	D("steps", INT, F(fby_retry_strategy, steps), .min = 1,
	    .max = UINT32_MAX, .unset = "without end",
	    .help = "Attempts before onFailure applies."),
	D("factor", NUM, F(fby_retry_strategy, factor), .dflt = "1",
	    .min = 1, .max = 1000,
	    .help = "Each wait is this many times the one before."),
	D("cap", MSEC, F(fby_retry_strategy, cap_ms), .dflt = "4294967295ms",
	    .min = 1, .max = UINT32_MAX,
	    .help = "Longest wait; not below interval."),
	D("jitter", NUM, F(fby_retry_strategy, jitter), .dflt = "0",
	    .min = 0, .max = 1,
	    .help = "Each wait is changed at random by up to this share of "
		"it; below 1."),
	{ 0 }
};

static const struct fby_directive retry_table[] = {
	D("backoff", BLOCK, .arg = backoff_table,
	    .help = "Waits between repetitions of a failed write."),
	D("onFailure", ENUM, F(fby_retry_strategy, on_failure),
	    .dflt = "retry", .arg = on_failure_names,
	    .help = "After the last attempt: `retry` goes on without end (or "
		"to the dead-letter topic, if steps and one are set), "
		"`fallback` writes the record to sink.fallback, `drop` counts "
		"it as dropped and goes on with the next."),
	{ 0 }
};

static const struct fby_enum stage_failure_names[] = {
	{ "retry", FBY_ON_FAILURE_RETRY },
	{ "drop", FBY_ON_FAILURE_DROP },
	{ 0 }
};

const struct fby_directive fby_manifest_stage_retry[] = {
	D("backoff", BLOCK, .arg = backoff_table,
	    .help = "Waits between repetitions of a failed call."),
	D("onFailure", ENUM, F(fby_retry_strategy, on_failure),
	    .dflt = "retry", .arg = stage_failure_names,
	    .help = "After the last attempt: `retry` goes on without end, "
		"`drop` counts the record as dropped and goes on with the "
		"next."),
	{ 0 }
};

/* Base: the manifest, so that a sink and its function are in reach. */
#define ABSTRACT_SINK(S, R)                                                   \
	D("log", BLOCK, P(fby_manifest, sinks[FBY_SINK_##S].log),             \
	    .arg = no_table,                                                  \
	    .help = "Write each record as a line to standard output."),       \
	D("blackhole", BLOCK, P(fby_manifest, sinks[FBY_SINK_##S].blackhole), \
	    .arg = no_table, .help = "Count and forget each record."),        \
	D("kafka", BLOCK, F(fby_manifest, sinks[FBY_SINK_##S].kafka),         \
	    P(fby_manifest, sinks[FBY_SINK_##S].kafka.present),               \
	    .arg = fby_manifest_kafka_sink, .help = "Write to Kafka."),       \
	D("udsink", BLOCK, F(fby_manifest, functions[FBY_FUNCTION_##R]),      \
	    P(fby_manifest, functions[FBY_FUNCTION_##R].present),             \
	    .arg = fby_manifest_udsink,                                       \
	    .help = "Call a user-defined function."),                         \
	REFUSED("serve", other_sink),                                         \
	REFUSED("sqs", other_sink),                                           \
	REFUSED("pulsar", other_sink)

static const struct fby_directive fallback_table[] = {
	ABSTRACT_SINK(FALLBACK, FALLBACK),
	{ 0 }
};

static const struct fby_directive success_table[] = {
	ABSTRACT_SINK(SUCCESS, SUCCESS),
	{ 0 }
};

static const struct fby_directive sink_table[] = {
	ABSTRACT_SINK(PRIMARY, SINK),
	D("fallback", BLOCK, P(fby_manifest, sinks[FBY_SINK_FALLBACK].present),
	    .arg = fallback_table,
	    .help = "`onFailure: fallback` writes here the records that the "
		"sink refuses. The same strategy applies to this sink; a "
		"record that it refuses, too, goes to the dead-letter topic "
		"or is tried without end."),
	D("onSuccess", BLOCK, P(fby_manifest, sinks[FBY_SINK_SUCCESS].present),
	    .arg = success_table,
	    .help = "This sink gets a copy of each record that the sink has "
		"accepted. A record counts as delivered when both have it."),
	D("retryStrategy", BLOCK, F(fby_manifest, retry), .arg = retry_table,
	    .help = "What a worker does when a write fails."),
	{ 0 }
};

/* ---- bypass ----------------------------------------------------------- */

static const struct fby_enum tag_op_names[] = {
	{ "or", FBY_TAG_OR },
	{ "and", FBY_TAG_AND },
	{ "not", FBY_TAG_NOT },
	{ 0 }
};

static const struct fby_directive tags_table[] = {
	D("operator", ENUM, F(fby_tags, op), .dflt = "or", .arg = tag_op_names,
	    .help = "The record has one of the values, all of them, or none."),
	D("values", STRS, F(fby_tags, values), .flags = FBY_D_REQUIRED,
	    .help = "Tags. Only an empty list selects a record without tags."),
	{ 0 }
};

static const struct fby_directive condition_table[] = {
	D("tags", BLOCK, .flags = FBY_D_REQUIRED, .arg = tags_table,
	    .help = "Selects the records."),
	{ 0 }
};

#define CONDITION(n, role, ...)                                               \
	D(n, BLOCK, F(fby_manifest, bypass[FBY_SINK_##role]),                 \
	    P(fby_manifest, bypass[FBY_SINK_##role].present),                 \
	    .arg = condition_table, __VA_ARGS__)

static const struct fby_directive bypass_table[] = {
	CONDITION("sink", PRIMARY,
	    .help = "Records that go to the sink, past the functions."),
	CONDITION("fallback", FALLBACK,
	    .help = "Records that go to sink.fallback at once."),
	CONDITION("onSuccess", SUCCESS,
	    .help = "Records that go to sink.onSuccess alone."),
	{ 0 }
};

/* ---- limits ----------------------------------------------------------- */

static const struct fby_directive limits_table[] = {
	D("readBatchSize", INT, F(fby_manifest, read_batch_size),
	    .flags = FBY_D_LIVE, .dflt = "500", .min = 1, .max = MAX_RECORDS,
	    .help = "Records that a worker takes at once from a partition."),
	D("readTimeout", MSEC, F(fby_manifest, read_timeout_ms),
	    .flags = FBY_D_LIVE, .dflt = "1s", .min = 0, .max = HOUR_MS,
	    .help = "Numaflow waits so long for a batch to fill. forebay "
		"never waits: a worker takes the records that are there."),
	D("concurrency", INT, F(fby_manifest, concurrency),
	    .flags = FBY_D_LIVE, .unset = "readBatchSize", .min = 1,
	    .max = MAX_RECORDS,
	    .help = "Records in the sink at once, for each partition."),
	REFUSED("rateLimit", no_rate_limit),
	{ 0 }
};

/* ---- Kubernetes' business --------------------------------------------- */

static const struct fby_directive scale_table[] = {
	K8S("disabled", BOOL, .help = "No autoscaling."),
	K8S("min", INT, .max = MAX_INT32, .help = "Fewest replicas."),
	K8S("max", INT, .max = MAX_INT32, .help = "Most replicas."),
	K8S("lookbackSeconds", INT, .max = MAX_INT32,
	    .help = "Window of the rates; handed to other runtimes."),
	K8S("cooldownSeconds", INT, .max = MAX_INT32, .help = "Pause."),
	K8S("zeroReplicaSleepSeconds", INT, .max = MAX_INT32,
	    .help = "Sleep at none."),
	K8S("targetProcessingSeconds", INT, .max = MAX_INT32,
	    .help = "Target."),
	K8S("targetBufferAvailability", INT, .max = MAX_INT32,
	    .help = "Target."),
	K8S("replicasPerScale", INT, .max = MAX_INT32, .help = "Step."),
	K8S("replicasPerScaleUp", INT, .max = MAX_INT32, .help = "Step up."),
	K8S("replicasPerScaleDown", INT, .max = MAX_INT32,
	    .help = "Step down."),
	K8S("scaleUpCooldownSeconds", INT, .max = MAX_INT32,
	    .help = "Pause."),
	K8S("scaleDownCooldownSeconds", INT, .max = MAX_INT32,
	    .help = "Pause."),
	K8S("cron", ANY, .help = "Schedule."),
	{ 0 }
};

static const struct fby_enum update_names[] = {
	{ "RollingUpdate", 0 },
	{ "", 0 },
	{ 0 }
};

static const struct fby_directive rolling_table[] = {
	D("maxUnavailable", STR, .flags = FBY_D_K8S | FBY_D_RAW,
	    .help = "Number or percentage."),
	{ 0 }
};

static const struct fby_directive update_table[] = {
	K8S("type", ENUM, .arg = update_names, .help = "Kind of update."),
	K8S("rollingUpdate", BLOCK, .arg = rolling_table,
	    .help = "How many at once."),
	{ 0 }
};

static const struct fby_enum phase_names[] = {
	{ "", 0 }, { "Running", 0 }, { "Failed", 0 }, { "Pausing", 0 },
	{ "Paused", 0 }, { "Deleting", 0 },
	{ 0 }
};

static const struct fby_directive lifecycle_table[] = {
	K8S("desiredPhase", ENUM, .arg = phase_names,
	    .help = "Only `Running` is possible here: stop the service to "
		"pause it."),
	{ 0 }
};

static const struct fby_directive pod_metadata_table[] = {
	K8S("annotations", MAP, .help = "Annotations of the pods."),
	K8S("labels", MAP, .help = "Labels of the pods."),
	{ 0 }
};

/* ---- the document ----------------------------------------------------- */

static const struct fby_directive spec_table[] = {
	D("source", BLOCK, .flags = FBY_D_REQUIRED, .arg = source_table,
	    .help = "The source of the records."),
	D("sink", BLOCK,
	    .flags = FBY_D_REQUIRED | FBY_D_ROLL, .arg = sink_table,
	    .help = "The sink: exactly one of log, blackhole, kafka and "
		"udsink."),
	D("limits", BLOCK, .arg = limits_table,
	    .help = "How many records a worker reads and writes at once."),
	D("containerTemplate", BLOCK, .arg = container_table,
	    .help = "The container that moves the records."),
	D("udf", BLOCK, F(fby_manifest, functions[FBY_FUNCTION_MAP]),
	    P(fby_manifest, functions[FBY_FUNCTION_MAP].present),
	    .flags = FBY_D_ROLL, .arg = fby_manifest_map,
	    .help = "A user-defined function between source and sink, which "
		"may change each record, drop it, or make several of it."),
	D("bypass", BLOCK, .flags = FBY_D_ROLL, .arg = bypass_table,
	    .help = "Sends a record with certain tags straight to one sink. "
		"User-defined functions set the tags."),
	D("streaming", BOOL, F(fby_manifest, streaming),
	    .flags = FBY_D_LIVE, .dflt = "false",
	    .help = "A worker hands each record to the sink as it comes, as "
		"with a readBatchSize of 1; concurrency stays as it is set. "
		"A runtime of protocol numaflow does not accept it: Numaflow "
		"refuses it for Kafka."),
	K8S("replicas", INT, .max = MAX_INT32,
	    .help = "Pods at first; see workers."),
	K8S("scale", BLOCK, .arg = scale_table, .help = "Autoscaling."),
	K8S("updateStrategy", BLOCK, .arg = update_table,
	    .help = "Replacement of pods."),
	K8S("lifecycle", BLOCK, .arg = lifecycle_table,
	    .help = "Desired phase."),
	K8S("metadata", BLOCK, .arg = pod_metadata_table,
	    .help = "Metadata of the pods."),
	K8S("daemonTemplate", ANY, .help = "Template of the daemon."),
	K8S("nodeSelector", MAP, .help = "Node selector."),
	K8S("tolerations", LIST, .help = "Tolerations."),
	K8S("securityContext", ANY, .help = "Security context."),
	K8S("imagePullSecrets", LIST, .help = "Image pull secrets."),
	K8S("priorityClassName", STR, .help = "Priority class."),
	K8S("priority", INT, .min = INT32_MIN, .max = MAX_INT32,
	    .help = "Priority."),
	K8S("affinity", ANY, .help = "Affinity; see cpuAffinity."),
	K8S("serviceAccountName", STR, .help = "Service account."),
	K8S("runtimeClassName", STR, .help = "Container runtime class."),
	K8S("automountServiceAccountToken", BOOL, .help = "Token mount."),
	K8S("dnsPolicy", STR, .help = "DNS policy."),
	K8S("dnsConfig", ANY, .help = "DNS configuration."),
	K8S("resourceClaims", LIST, .help = "Resource claims."),
	K8S("volumes", LIST, .help = "Volumes."),
	K8S("initContainers", LIST, .help = "Init containers."),
	K8S("sidecars", LIST, .help = "Sidecars."),
	{ 0 }
};

static const struct fby_directive metadata_table[] = {
	D("name", STR, F(fby_manifest, name),
	    .flags = FBY_D_REQUIRED | FBY_D_RESTART,
	    .help = "Name of the MonoVertex; a DNS label (RFC 1035)."),
	D("namespace", STR, F(fby_manifest, namespace_),
	    .flags = FBY_D_RESTART, .dflt = "default",
	    .help = "Namespace: a label of metrics."),
	K8S("labels", MAP, .help = "Labels."),
	K8S("annotations", MAP, .help = "Annotations."),
	K8S("generateName", STR, .help = "Prefix of a name."),
	K8S("uid", ANY, .help = "As kubectl prints it."),
	K8S("resourceVersion", ANY, .help = "As kubectl prints it."),
	K8S("generation", ANY, .help = "As kubectl prints it."),
	K8S("creationTimestamp", ANY, .help = "As kubectl prints it."),
	K8S("deletionTimestamp", ANY, .help = "As kubectl prints it."),
	K8S("deletionGracePeriodSeconds", ANY,
	    .help = "As kubectl prints it."),
	K8S("finalizers", ANY, .help = "As kubectl prints it."),
	K8S("ownerReferences", ANY, .help = "As kubectl prints it."),
	K8S("managedFields", ANY, .help = "As kubectl prints it."),
	K8S("selfLink", ANY, .help = "As kubectl prints it."),
	{ 0 }
};

const struct fby_directive fby_manifest_mvtx_table[] = {
	K8S("apiVersion", STR, .help = "`" FBY_MANIFEST_MVTX_API "`."),
	K8S("kind", STR, .help = "`MonoVertex`."),
	D("metadata", BLOCK, .flags = FBY_D_REQUIRED, .arg = metadata_table,
	    .help = "Name and namespace."),
	D("spec", BLOCK, .flags = FBY_D_REQUIRED, .arg = spec_table,
	    .help = "Source, sink and limits."),
	K8S("status", ANY, .help = "As kubectl prints it."),
	{ 0 }
};
/* clang-format on */
