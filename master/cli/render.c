/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the status as JSON to what people read; see render.h.
 *
 * Trouble comes first, then the service as a whole, then the workers, then
 * the partitions.
 */
#include "shared/fby.h"

#include "master/cli/render.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "master/cli/cell.h"
#include "master/cli/screen.h"

#define FAILURES_MAX 10

static void
complain(struct fby_str *s, const struct fby_screen *r, const char *sgr,
    const char *what, const char *why)
{
	size_t len = strlen(why);

	while (len > 0 && why[len - 1] == '\n')
		len--;
	fby_cell_color(s, r, sgr, what);
	fby_str_puts(s, ": ");
	fby_str_add(s, why, len);
	fby_str_puts(s, "\n");
}

static void
alarms(struct fby_str *s, const json_t *status, const struct fby_screen *r)
{
	const json_t *list = json_object_get(status, "alarms");
	const json_t *manifest = json_object_get(status, "manifest");
	size_t serious = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		char *what = fby_asprintf("ALARM, %s",
		    fby_cell_text(o, "what"));

		serious += !fby_cell_is_false(o, "unready");
		complain(s, r, FBY_SGR_RED, what, fby_cell_text(o, "text"));
		free(what);
	}
	/* The reason is one of the alarms, if there are any that count. */
	if (fby_cell_is_false(status, "ready") && serious == 0)
		complain(s, r, FBY_SGR_YELLOW, "NOT READY",
		    fby_cell_text(status, "reason"));
	if (fby_cell_is_false(manifest, "last_ok"))
		complain(s, r, FBY_SGR_YELLOW, "LAST RELOAD REFUSED",
		    fby_cell_text(manifest, "last"));
	if (s->len > 0)
		fby_str_puts(s, "\n");
}

static void
head_group(struct fby_str *s, const json_t *status)
{
	const json_t *g = json_object_get(status, "group");
	int64_t rebalances = fby_cell_number(g, "rebalances");

	fby_str_printf(s, "group       %s, %s (%s)", fby_cell_text(g, "id"),
	    fby_cell_text(g, "state"), fby_cell_text(g, "doing"));
	if (!fby_cell_is_null(g, "generation"))
		fby_str_printf(s, ", generation %" PRId64,
		    fby_cell_number(g, "generation"));
	fby_str_printf(s, ", %" PRId64 " rebalance%s", rebalances,
	    rebalances == 1 ? "" : "s");
	if (!fby_cell_is_null(g, "instance"))
		fby_str_printf(s, ", instance %s",
		    fby_cell_text(g, "instance"));
	fby_str_puts(s, "\n");
}

static void
head(struct fby_str *s, const json_t *status, const struct fby_screen *r)
{
	const json_t *manifest = json_object_get(status, "manifest");
	const char *state = fby_cell_text(status, "state");
	bool fine = strcmp(state, "RUNNING") == 0 &&
	    fby_cell_is_true(status, "ready");
	char buf[FBY_FORMAT];

	fby_cell_color(s, r, FBY_SGR_BOLD, fby_cell_text(status, "name"));
	fby_str_puts(s, "  ");
	fby_cell_color(s, r, fine ? FBY_SGR_GREEN : FBY_SGR_YELLOW, state);
	fby_str_printf(s, "  runtime %s, pid %" PRId64 ", up %s",
	    fby_cell_text(status, "runtime"), fby_cell_number(status, "pid"),
	    fby_cell_show(status, "uptime_ms", FBY_CELL_AGE, r->now, buf));
	if (!fby_cell_is_null(status, "http"))
		fby_str_printf(s, ", http %s", fby_cell_text(status, "http"));
	fby_str_printf(s, "\nmanifest    generation %" PRId64,
	    fby_cell_number(manifest, "generation"));
	if (strcmp(fby_cell_text(manifest, "reload"), "IDLE") != 0)
		fby_str_printf(s, ", reload %s",
		    fby_cell_text(manifest, "reload"));
	fby_str_puts(s, "\n");
	head_group(s, status);
	fby_str_printf(s, "watermark   %s",
	    fby_cell_show(status, "watermark", FBY_CELL_WATERMARK, r->now,
		buf));
	fby_str_printf(s, "; of the group %s\n",
	    fby_cell_show(status, "group_watermark", FBY_CELL_WATERMARK, r->now,
		buf));
	fby_str_printf(s, "records     %s/s",
	    fby_cell_show(status, "records_per_s", FBY_CELL_COUNT, r->now,
		buf));
	fby_str_printf(s, ", lag %s\n",
	    fby_cell_show(status, "lag", FBY_CELL_COUNT, r->now, buf));
}

/* ---- workers ---------------------------------------------------------- */

static const char *
worker_sgr(const json_t *o, const char *key)
{
	const char *state = fby_cell_text(o, "state");

	if (strcmp(key, "state") != 0 || strcmp(state, "READY") == 0)
		return NULL;
	return strcmp(state, "BACKOFF") == 0 ? FBY_SGR_RED : FBY_SGR_YELLOW;
}

static void
workers(struct fby_str *s, const json_t *list, const struct fby_screen *r)
{
	/* clang-format off */
	static const struct fby_cell columns[] = {
		FBY_CELL("WORKER", 0, "slot", EXACT),
		FBY_CELL("PID", 0, "pid", EXACT),
		FBY_CELL("CPU", 2, "cpu", EXACT),
		FBY_CELL("RUNTIME", 3, "runtime", TEXT),
		FBY_CELL("STATE", 1, "state", TEXT),
		FBY_CELL("PARTITIONS", 0, "partitions", EXACT),
		FBY_CELL("RECORDS/S", 0, "records_per_s", COUNT),
		FBY_CELL("IN FLIGHT", 0, "in_flight", COUNT),
		FBY_CELL("BYTES", 5, "in_flight_bytes", BYTES),
		FBY_CELL("MEMORY", 0, "rss_bytes", BYTES),
		FBY_CELL("CPU TIME", 6, "cpu_seconds", SECONDS),
		FBY_CELL("SPAWNS", 7, "spawns", EXACT),
		FBY_CELL("BEAT", 8, "heartbeat_age_ms", AGE),
		FBY_CELL("ACTIVITY", 4, "activity", TEXT),
	};
	/* clang-format on */

	fby_cell_table(s, list, r, columns, FBY_NELEM(columns), worker_sgr);
}

/* ---- runtimes --------------------------------------------------------- */

/* Side by side, where there has been more than one. */
static void
runtimes(struct fby_str *s, const json_t *list, const struct fby_screen *r)
{
	/* clang-format off */
	static const struct fby_cell columns[] = {
		FBY_CELL("RUNTIME", 0, "runtime", TEXT),
		FBY_CELL("ROLE", 1, "role", TEXT),
		FBY_CELL("WORKERS", 2, "workers", EXACT),
		FBY_CELL("PARTITIONS", 0, "partitions", EXACT),
		FBY_CELL("RECORDS/S", 0, "records_per_s", COUNT),
		FBY_CELL("ACKED", 4, "acked", COUNT),
		FBY_CELL("CPU TIME", 5, "cpu_seconds", SECONDS),
		FBY_CELL("CPU S/M", 0, "cpu_seconds_per_million", FRACTION),
		FBY_CELL("ERRORS", 6, "sink_errors", COUNT),
		FBY_CELL("DEATHS", 3, "deaths", EXACT),
	};
	/* clang-format on */
	json_t *named = json_array();

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i), *with = json_copy(o);
		char role[32] = "";

		if (fby_cell_is_true(o, "canary") &&
		    fby_cell_is_null(o, "share"))
			snprintf(role, sizeof(role), "canary, by the group");
		else if (fby_cell_is_true(o, "canary"))
			snprintf(role, sizeof(role), "canary %" PRId64 "%%",
			    fby_cell_number(o, "share"));
		json_object_set_new(with, "role", json_string(role));
		json_array_append_new(named, with);
	}
	if (json_array_size(named) > 1)
		fby_cell_table(s, named, r, columns, FBY_NELEM(columns), NULL);
	json_decref(named);
}

/* ---- functions -------------------------------------------------------- */

static const char *
function_sgr(const json_t *o, const char *key)
{
	if (strcmp(key, "state") != 0 || fby_cell_is_null(o, key) ||
	    strcmp(fby_cell_text(o, key), "ready") == 0 ||
	    strcmp(fby_cell_text(o, key), "running") == 0)
		return NULL;
	return strcmp(fby_cell_text(o, key), "back-off") == 0 ? FBY_SGR_RED :
								FBY_SGR_YELLOW;
}

static void
functions(struct fby_str *s, const json_t *list, const struct fby_screen *r)
{
	/* clang-format off */
	static const struct fby_cell columns[] = {
		FBY_CELL("FUNCTION", 0, "role", TEXT),
		FBY_CELL("INSTANCE", 0, "instance", EXACT),
		FBY_CELL("POD", 8, "pod", TEXT),
		FBY_CELL("PID", 0, "pid", EXACT),
		FBY_CELL("STATE", 0, "state", TEXT),
		FBY_CELL("SDK", 2, "language", TEXT),
		FBY_CELL("VERSION", 3, "version", TEXT),
		FBY_CELL("CALLS/S", 0, "calls_per_s", COUNT),
		FBY_CELL("P50 MS", 4, "answer_p50_ms", FRACTION),
		FBY_CELL("P99 MS", 1, "answer_p99_ms", FRACTION),
		FBY_CELL("IN FLIGHT", 0, "in_flight", COUNT),
		FBY_CELL("ERRORS", 5, "errors", COUNT),
		FBY_CELL("RESTARTS", 6, "restarts", EXACT),
		FBY_CELL("WHY", 7, "why", TEXT),
	};
	/* clang-format on */

	if (json_array_size(list) > 0)
		fby_cell_table(s, list, r, columns, FBY_NELEM(columns),
		    function_sgr);
}

/* ---- partitions ------------------------------------------------------- */

/* The worker is at the end of what may be read, and the log goes on. */
static const char *
behind_transaction(const json_t *o)
{
	static char buf[64];
	char at[FBY_CLOCK_TEXT];

	if (*fby_clock_text(fby_cell_number(o, "transaction_open_since"), at) ==
	    '-')
		return "behind an open transaction";
	snprintf(buf, sizeof(buf), "behind an open transaction since %.19sZ",
	    at);
	return buf;
}

/* What is odd about a partition, in a word or two. */
static const char *
note(const json_t *o)
{
	if (strcmp(fby_cell_text(o, "state"), "OBSERVED") == 0)
		return "";
	if (fby_cell_is_true(o, "stuck"))
		return "stuck";
	if (strcmp(fby_cell_text(o, "state"), "HELD") != 0)
		return fby_cell_text(o, "state");
	if (fby_cell_is_true(o, "isolated"))
		return "isolated";
	if (fby_cell_is_true(o, "canary"))
		return "canary";
	if (fby_cell_is_true(o, "paused"))
		return "paused";
	if (!fby_cell_is_null(o, "transaction_open_since"))
		return behind_transaction(o);
	if (fby_cell_is_true(o, "idle"))
		return "idle";
	return fby_cell_is_true(o, "at_end") ? "at end" : "";
}

static const char *
partition_sgr(const json_t *o, const char *key)
{
	bool fine = fby_cell_is_true(o, "at_end");

	if (strcmp(key, "note") != 0)
		return NULL;
	if (strcmp(fby_cell_text(o, "state"), "QUARANTINED") == 0 ||
	    fby_cell_is_true(o, "stuck"))
		return FBY_SGR_RED;
	return fine ? NULL : FBY_SGR_YELLOW;
}

static void
partitions(struct fby_str *s, const json_t *list, const struct fby_screen *r)
{
	/* clang-format off */
	static const struct fby_cell columns[] = {
		FBY_CELL("TOPIC", 0, "topic", TEXT),
		FBY_CELL("PARTITION", 0, "partition", EXACT),
		FBY_CELL("HOLDER", 0, "holder", EXACT),
		FBY_CELL("POSITION", 4, "position", EXACT),
		FBY_CELL("ACKED", 0, "acked", EXACT),
		FBY_CELL("COMMITTED", 1, "committed", EXACT),
		FBY_CELL("LAG", 0, "lag", COUNT),
		FBY_CELL("WATERMARK", 2, "watermark", WATERMARK),
		FBY_CELL("IN FLIGHT", 5, "in_flight", COUNT),
		FBY_CELL("OLDEST", 6, "oldest_age_ms", AGE),
		FBY_CELL("LATE", 8, "late", COUNT),
		FBY_CELL("EPOCH", 7, "epoch", EXACT),
		FBY_CELL("NOTE", 3, "note", TEXT),
	};
	/* clang-format on */
	json_t *noted = json_array();

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i), *with = json_copy(o);

		json_object_set_new(with, "note", json_string(note(o)));
		json_array_append_new(noted, with);
	}
	fby_cell_table(s, noted, r, columns, FBY_NELEM(columns), partition_sgr);
	json_decref(noted);
}

/* A line for each partition that fails, with the last reason. */
static void
failures(struct fby_str *s, const json_t *list, const struct fby_screen *r)
{
	size_t shown = 0, n = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		char age[FBY_FORMAT];

		if (fby_cell_is_null(o, "failing") || n++ >= FAILURES_MAX)
			continue;
		fby_str_printf(s, "%s%s/%" PRId64 "  %s", shown++ ? "" : "\n",
		    fby_cell_text(o, "topic"), fby_cell_number(o, "partition"),
		    fby_cell_text(o, "failing"));
		if (fby_cell_is_true(o, "stuck"))
			fby_str_printf(s, ", stuck for %s",
			    fby_cell_show(o, "stuck_ms", FBY_CELL_AGE, r->now,
				age));
		if (!fby_cell_is_null(o, "error"))
			fby_str_printf(s, ": %s", fby_cell_text(o, "error"));
		fby_str_puts(s, "\n");
	}
	if (n > FAILURES_MAX)
		fby_str_printf(s, "and %zu more partitions that fail\n",
		    n - FAILURES_MAX);
}

/* Counters that are zero on a good day are shown on the others. */
static void
incidents(struct fby_str *s, const json_t *counters)
{
	/* clang-format off */
	static const struct {
		const char *key, *what;
	} list[] = {
		{ "dropped", "dropped by a function, by retryStrategy or by hand" },
		{ "skipped", "skipped by hand" },
		{ "fallback", "delivered to the fallback sink" },
		{ "dead_lettered", "sent to the dead-letter topic" },
		{ "quarantined", "partitions held back by poison pills" },
		{ "returned", "given back unfinished and read again" },
		{ "sink_errors", "sink errors" },
		{ "late", "late records" },
		{ "future", "event times beyond watermark.maxFuture" },
		{ "deaths", "workers died" },
		{ "hangs", "workers killed because they hung" },
		{ "commit_errors", "commits failed" },
		{ "refused", "offsets refused to commit" },
		{ "cuts", "logs that were cut by the broker" },
		{ "resets", "offsets reset, out of range" },
		{ "recovered", "partitions recovered from an old ledger" },
		{ "lost", "partitions lost without notice" },
		{ "reloads_refused", "reloads refused" },
		{ "survived", "oddities survived" },
	};
	/* clang-format on */
	bool first = true;

	for (size_t i = 0; i < FBY_NELEM(list); i++) {
		int64_t n = fby_cell_number(counters, list[i].key);

		if (n == 0)
			continue;
		fby_str_printf(s, "%s%s: %" PRId64 "\n", first ? "\n" : "",
		    list[i].what, n);
		first = false;
	}
}

char *
fby_render_status(const json_t *any, const struct fby_screen *r)
{
	json_t *status = fby_cell_printable(any);
	struct fby_str s;

	fby_str_init(&s);
	alarms(&s, status, r);
	head(&s, status, r);
	runtimes(&s, json_object_get(status, "runtimes"), r);
	functions(&s, json_object_get(status, "functions"), r);
	workers(&s, json_object_get(status, "workers"), r);
	partitions(&s, json_object_get(status, "partitions"), r);
	failures(&s, json_object_get(status, "partitions"), r);
	incidents(&s, json_object_get(status, "counters"));
	json_decref(status);
	return fby_str_take(&s);
}
