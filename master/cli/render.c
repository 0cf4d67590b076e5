/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the status as JSON to what people read; see render.h.
 *
 * Trouble comes first, then the service as a whole, then the workers, then
 * the partitions.  What is not known is "-".
 */
#include "shared/fby.h"

#include "master/cli/render.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "master/cli/format.h"
#include "master/cli/table.h"

#define BOLD "1"
#define RED "1;31"
#define YELLOW "33"
#define GREEN "32"

enum kind {
	TEXT,
	EXACT, /* offsets, process numbers: every digit counts */
	COUNT,
	BYTES,
	FRACTION,
	AGE, /* milliseconds */
	SECONDS,
	WATERMARK,
	INSTANT,
};

/* A column of a table, and what of each object goes there. */
struct column {
	struct fby_column col;
	const char *key;
	enum kind kind;
};

/* clang-format off */
#define C(title, rank, key, kind)                                             \
	{ { title, kind != TEXT && kind < WATERMARK, rank }, key, kind }
/* clang-format on */
#define MAX_COLUMNS 24
#define FAILURES_MAX 10
#define SECONDS_MAX 1e12

/* ---- reading the JSON ------------------------------------------------- */

static const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static bool
is_null(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return v == NULL || json_is_null(v);
}

static bool
is_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static bool
is_false(const json_t *o, const char *key)
{
	return json_is_false(json_object_get(o, key));
}

static int64_t
number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *
show(const json_t *o, const char *key, enum kind kind, int64_t now,
    char buf[FBY_FORMAT])
{
	double x = json_number_value(json_object_get(o, key));
	int64_t n = number(o, key);

	if (is_null(o, key))
		return "-";
	switch (kind) {
	case TEXT:
		return text(o, key);
	case EXACT:
		snprintf(buf, FBY_FORMAT, "%" PRId64, n);
		return buf;
	case COUNT:
		return fby_format_count(x, buf);
	case BYTES:
		return fby_format_bytes(x, buf);
	case FRACTION:
		snprintf(buf, FBY_FORMAT, "%.3g", x);
		return buf;
	case AGE:
		return fby_format_age(n, buf);
	case SECONDS:
		/* NAN is none of these, and JSON has none. */
		x = FBY_MIN(FBY_MAX(x, 0), SECONDS_MAX);
		return fby_format_age((int64_t)(x * 1000), buf);
	case WATERMARK:
		return fby_format_watermark(n, now, buf);
	case INSTANT:
		return fby_clock_text(n, buf);
	}
	return "?";
}

/* ---- texts of others -------------------------------------------------- */

/* What a terminal would act on is escaped; the ends of lines stay. */
static void
make_printable_text(json_t *v)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_printable_lines(&s, json_string_value(v));
	json_string_set(v, s.p);
	fby_str_fini(&s);
}

static void
make_printable(json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(v))
		make_printable_text(v);
	json_object_foreach(v, key, item) make_printable(item);
	json_array_foreach(v, i, item) make_printable(item);
}

/*
 * Topics and errors are the broker's words, and in a ledger that is damaged
 * anything can stand.
 */
static json_t *
printable_copy(const json_t *o)
{
	json_t *copy = json_deep_copy(o);

	if (copy == NULL)
		fby_mem_fatal();
	make_printable(copy);
	return copy;
}

/* ---- pieces ----------------------------------------------------------- */

static void
colored(struct fby_str *s, const struct fby_render *r, const char *sgr,
    const char *what)
{
	if (r->color)
		fby_str_printf(s, "\033[%sm%s\033[0m", sgr, what);
	else
		fby_str_puts(s, what);
}

/* Which colour a cell has; NULL: none. */
typedef const char *(*sgr_fn)(const json_t *o, const char *key);

static void
row(struct fby_table *t, const json_t *o, const struct column *columns,
    size_t n, const struct fby_render *r, sgr_fn sgr)
{
	for (size_t c = 0; c < n; c++) {
		const char *key = columns[c].key;
		char buf[FBY_FORMAT];

		fby_table_cell(t, show(o, key, columns[c].kind, r->now, buf));
		if (sgr)
			fby_table_color(t, sgr(o, key));
	}
}

/* `sgr` may be NULL: no cell of the table has a colour. */
static void
table(struct fby_str *s, const json_t *list, const struct fby_render *r,
    const struct column *columns, size_t n, sgr_fn sgr)
{
	struct fby_column cols[MAX_COLUMNS];
	struct fby_table *t;

	if (json_array_size(list) == 0)
		return;
	FBY_BUG_ON(n > MAX_COLUMNS);
	for (size_t c = 0; c < n; c++)
		cols[c] = columns[c].col;
	t = fby_table_new(cols, n);
	for (size_t i = 0; i < json_array_size(list); i++)
		row(t, json_array_get(list, i), columns, n, r, sgr);
	fby_str_puts(s, "\n");
	fby_table_write(t, s, r->width, r->color);
	fby_table_free(t);
}

static void
complain(struct fby_str *s, const struct fby_render *r, const char *sgr,
    const char *what, const char *why)
{
	size_t len = strlen(why);

	while (len > 0 && why[len - 1] == '\n')
		len--;
	colored(s, r, sgr, what);
	fby_str_puts(s, ": ");
	fby_str_add(s, why, len);
	fby_str_puts(s, "\n");
}

static void
alarms(struct fby_str *s, const json_t *status, const struct fby_render *r)
{
	const json_t *list = json_object_get(status, "alarms");
	const json_t *manifest = json_object_get(status, "manifest");
	size_t serious = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		char *what = fby_asprintf("ALARM, %s", text(o, "what"));

		serious += !is_false(o, "unready");
		complain(s, r, RED, what, text(o, "text"));
		free(what);
	}
	/* The reason is one of the alarms, if there are any that count. */
	if (is_false(status, "ready") && serious == 0)
		complain(s, r, YELLOW, "NOT READY", text(status, "reason"));
	if (is_false(manifest, "last_ok"))
		complain(s, r, YELLOW, "LAST RELOAD REFUSED",
		    text(manifest, "last"));
	if (s->len > 0)
		fby_str_puts(s, "\n");
}

static void
head_group(struct fby_str *s, const json_t *status)
{
	const json_t *g = json_object_get(status, "group");
	int64_t rebalances = number(g, "rebalances");

	fby_str_printf(s, "group       %s, %s (%s)", text(g, "id"),
	    text(g, "state"), text(g, "doing"));
	if (!is_null(g, "generation"))
		fby_str_printf(s, ", generation %" PRId64,
		    number(g, "generation"));
	fby_str_printf(s, ", %" PRId64 " rebalance%s", rebalances,
	    rebalances == 1 ? "" : "s");
	if (!is_null(g, "instance"))
		fby_str_printf(s, ", instance %s", text(g, "instance"));
	fby_str_puts(s, "\n");
}

static void
head(struct fby_str *s, const json_t *status, const struct fby_render *r)
{
	const json_t *manifest = json_object_get(status, "manifest");
	const char *state = text(status, "state");
	bool fine = strcmp(state, "RUNNING") == 0 && is_true(status, "ready");
	char buf[FBY_FORMAT];

	colored(s, r, BOLD, text(status, "name"));
	fby_str_puts(s, "  ");
	colored(s, r, fine ? GREEN : YELLOW, state);
	fby_str_printf(s, "  runtime %s, pid %" PRId64 ", up %s",
	    text(status, "runtime"), number(status, "pid"),
	    show(status, "uptime_ms", AGE, r->now, buf));
	if (!is_null(status, "http"))
		fby_str_printf(s, ", http %s", text(status, "http"));
	fby_str_printf(s, "\nmanifest    generation %" PRId64,
	    number(manifest, "generation"));
	if (strcmp(text(manifest, "reload"), "IDLE") != 0)
		fby_str_printf(s, ", reload %s", text(manifest, "reload"));
	fby_str_puts(s, "\n");
	head_group(s, status);
	fby_str_printf(s, "watermark   %s",
	    show(status, "watermark", WATERMARK, r->now, buf));
	fby_str_printf(s, "; of the group %s\n",
	    show(status, "group_watermark", WATERMARK, r->now, buf));
	fby_str_printf(s, "records     %s/s",
	    show(status, "records_per_s", COUNT, r->now, buf));
	fby_str_printf(s, ", lag %s\n",
	    show(status, "lag", COUNT, r->now, buf));
}

/* ---- workers ---------------------------------------------------------- */

static const char *
worker_sgr(const json_t *o, const char *key)
{
	const char *state = text(o, "state");

	if (strcmp(key, "state") != 0 || strcmp(state, "READY") == 0)
		return NULL;
	return strcmp(state, "BACKOFF") == 0 ? RED : YELLOW;
}

static void
workers(struct fby_str *s, const json_t *list, const struct fby_render *r)
{
	/* clang-format off */
	static const struct column columns[] = {
		C("WORKER", 0, "slot", EXACT),
		C("PID", 0, "pid", EXACT),
		C("CPU", 2, "cpu", EXACT),
		C("RUNTIME", 3, "runtime", TEXT),
		C("STATE", 1, "state", TEXT),
		C("PARTITIONS", 0, "partitions", EXACT),
		C("RECORDS/S", 0, "records_per_s", COUNT),
		C("IN FLIGHT", 0, "in_flight", COUNT),
		C("BYTES", 5, "in_flight_bytes", BYTES),
		C("MEMORY", 0, "rss_bytes", BYTES),
		C("CPU TIME", 6, "cpu_seconds", SECONDS),
		C("SPAWNS", 7, "spawns", EXACT),
		C("BEAT", 8, "heartbeat_age_ms", AGE),
		C("ACTIVITY", 4, "activity", TEXT),
	};
	/* clang-format on */

	table(s, list, r, columns, FBY_NELEM(columns), worker_sgr);
}

/* ---- runtimes --------------------------------------------------------- */

/* Side by side, where there has been more than one. */
static void
runtimes(struct fby_str *s, const json_t *list, const struct fby_render *r)
{
	/* clang-format off */
	static const struct column columns[] = {
		C("RUNTIME", 0, "runtime", TEXT),
		C("ROLE", 1, "role", TEXT),
		C("WORKERS", 2, "workers", EXACT),
		C("PARTITIONS", 0, "partitions", EXACT),
		C("RECORDS/S", 0, "records_per_s", COUNT),
		C("ACKED", 4, "acked", COUNT),
		C("CPU TIME", 5, "cpu_seconds", SECONDS),
		C("CPU S/M", 0, "cpu_seconds_per_million", FRACTION),
		C("ERRORS", 6, "sink_errors", COUNT),
		C("DEATHS", 3, "deaths", EXACT),
	};
	/* clang-format on */
	json_t *named = json_array();

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i), *with = json_copy(o);
		char role[32] = "";

		if (is_true(o, "canary") && is_null(o, "share"))
			snprintf(role, sizeof(role), "canary, by the group");
		else if (is_true(o, "canary"))
			snprintf(role, sizeof(role), "canary %" PRId64 "%%",
			    number(o, "share"));
		json_object_set_new(with, "role", json_string(role));
		json_array_append_new(named, with);
	}
	if (json_array_size(named) > 1)
		table(s, named, r, columns, FBY_NELEM(columns), NULL);
	json_decref(named);
}

/* ---- functions -------------------------------------------------------- */

static const char *
function_sgr(const json_t *o, const char *key)
{
	if (strcmp(key, "state") != 0 || is_null(o, key) ||
	    strcmp(text(o, key), "ready") == 0 ||
	    strcmp(text(o, key), "running") == 0)
		return NULL;
	return strcmp(text(o, key), "back-off") == 0 ? RED : YELLOW;
}

static void
functions(struct fby_str *s, const json_t *list, const struct fby_render *r)
{
	/* clang-format off */
	static const struct column columns[] = {
		C("FUNCTION", 0, "role", TEXT),
		C("INSTANCE", 0, "instance", EXACT),
		C("POD", 8, "pod", TEXT),
		C("PID", 0, "pid", EXACT),
		C("STATE", 0, "state", TEXT),
		C("SDK", 2, "language", TEXT),
		C("VERSION", 3, "version", TEXT),
		C("CALLS/S", 0, "calls_per_s", COUNT),
		C("P50 MS", 4, "answer_p50_ms", FRACTION),
		C("P99 MS", 1, "answer_p99_ms", FRACTION),
		C("IN FLIGHT", 0, "in_flight", COUNT),
		C("ERRORS", 5, "errors", COUNT),
		C("RESTARTS", 6, "restarts", EXACT),
		C("WHY", 7, "why", TEXT),
	};
	/* clang-format on */

	if (json_array_size(list) > 0)
		table(s, list, r, columns, FBY_NELEM(columns), function_sgr);
}

/* ---- partitions ------------------------------------------------------- */

/* The worker is at the end of what may be read, and the log goes on. */
static const char *
behind_transaction(const json_t *o)
{
	static char buf[64];
	char at[FBY_CLOCK_TEXT];

	if (*fby_clock_text(number(o, "transaction_open_since"), at) == '-')
		return "behind an open transaction";
	snprintf(buf, sizeof(buf), "behind an open transaction since %.19sZ",
	    at);
	return buf;
}

/* What is odd about a partition, in a word or two. */
static const char *
note(const json_t *o)
{
	if (strcmp(text(o, "state"), "OBSERVED") == 0)
		return "";
	if (is_true(o, "stuck"))
		return "stuck";
	if (strcmp(text(o, "state"), "HELD") != 0)
		return text(o, "state");
	if (is_true(o, "isolated"))
		return "isolated";
	if (is_true(o, "canary"))
		return "canary";
	if (is_true(o, "paused"))
		return "paused";
	if (!is_null(o, "transaction_open_since"))
		return behind_transaction(o);
	if (is_true(o, "idle"))
		return "idle";
	return is_true(o, "at_end") ? "at end" : "";
}

static const char *
partition_sgr(const json_t *o, const char *key)
{
	bool fine = is_true(o, "at_end");

	if (strcmp(key, "note") != 0)
		return NULL;
	if (strcmp(text(o, "state"), "QUARANTINED") == 0 || is_true(o, "stuck"))
		return RED;
	return fine ? NULL : YELLOW;
}

static void
partitions(struct fby_str *s, const json_t *list, const struct fby_render *r)
{
	/* clang-format off */
	static const struct column columns[] = {
		C("TOPIC", 0, "topic", TEXT),
		C("PARTITION", 0, "partition", EXACT),
		C("HOLDER", 0, "holder", EXACT),
		C("POSITION", 4, "position", EXACT),
		C("ACKED", 0, "acked", EXACT),
		C("COMMITTED", 1, "committed", EXACT),
		C("LAG", 0, "lag", COUNT),
		C("WATERMARK", 2, "watermark", WATERMARK),
		C("IN FLIGHT", 5, "in_flight", COUNT),
		C("OLDEST", 6, "oldest_age_ms", AGE),
		C("LATE", 8, "late", COUNT),
		C("EPOCH", 7, "epoch", EXACT),
		C("NOTE", 3, "note", TEXT),
	};
	/* clang-format on */
	json_t *noted = json_array();

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i), *with = json_copy(o);

		json_object_set_new(with, "note", json_string(note(o)));
		json_array_append_new(noted, with);
	}
	table(s, noted, r, columns, FBY_NELEM(columns), partition_sgr);
	json_decref(noted);
}

/* A line for each partition that fails, with the last reason. */
static void
failures(struct fby_str *s, const json_t *list, const struct fby_render *r)
{
	size_t shown = 0, n = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		char age[FBY_FORMAT];

		if (is_null(o, "failing") || n++ >= FAILURES_MAX)
			continue;
		fby_str_printf(s, "%s%s/%" PRId64 "  %s", shown++ ? "" : "\n",
		    text(o, "topic"), number(o, "partition"),
		    text(o, "failing"));
		if (is_true(o, "stuck"))
			fby_str_printf(s, ", stuck for %s",
			    show(o, "stuck_ms", AGE, r->now, age));
		if (!is_null(o, "error"))
			fby_str_printf(s, ": %s", text(o, "error"));
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
		{ "dropped", "dropped by retryStrategy or by hand" },
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
		int64_t n = number(counters, list[i].key);

		if (n == 0)
			continue;
		fby_str_printf(s, "%s%s: %" PRId64 "\n", first ? "\n" : "",
		    list[i].what, n);
		first = false;
	}
}

char *
fby_render_status(const json_t *any, const struct fby_render *r)
{
	json_t *status = printable_copy(any);
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

/* ---- a ledger --------------------------------------------------------- */

/* clang-format off */
static const struct column shm_slots[] = {
	C("SLOT", 0, "slot", EXACT),
	C("PID", 0, "pid", EXACT),
	C("CPU", 0, "cpu", EXACT),
	C("STATE", 0, "state", TEXT),
	C("GENERATION", 3, "generation", EXACT),
	C("SPAWNS", 0, "spawns", EXACT),
	C("PARTITIONS", 0, "partitions", EXACT),
	C("READ", 0, "read", EXACT),
	C("ACKED", 0, "acked", EXACT),
	C("ERRORS", 2, "sink_errors", EXACT),
	C("DROPS", 2, "sink_drops", EXACT),
	C("IN FLIGHT", 0, "in_flight", EXACT),
	C("MEMORY", 1, "rss_bytes", BYTES),
	C("ACTIVITY", 1, "activity", TEXT),
};

static const struct column shm_functions[] = {
	C("WORKER", 0, "slot", EXACT),
	C("FUNCTION", 0, "role", TEXT),
	C("INSTANCE", 3, "instance", EXACT),
	C("STATE", 0, "state", TEXT),
	C("SDK", 2, "language", TEXT),
	C("VERSION", 2, "version", TEXT),
	C("CALLS", 0, "calls", EXACT),
	C("ANSWERS", 1, "answers", EXACT),
	C("ERRORS", 1, "errors", EXACT),
	C("IN FLIGHT", 1, "in_flight", EXACT),
	C("CONNECTS", 4, "connects", EXACT),
	C("FAILURES", 2, "failures", EXACT),
	C("WHY", 0, "why", TEXT),
};

static const struct column shm_rows[] = {
	C("ROW", 0, "row", EXACT),
	C("TOPIC", 0, "topic", TEXT),
	C("PARTITION", 0, "partition", EXACT),
	C("STATE", 0, "state", TEXT),
	C("HOLDER", 0, "holder", EXACT),
	C("EPOCH", 1, "epoch", EXACT),
	C("LOG START", 5, "log_start", EXACT),
	C("COMMITTED", 0, "committed", EXACT),
	C("ACKED", 0, "acked", EXACT),
	C("POSITION", 0, "position", EXACT),
	C("HIGH", 0, "high", EXACT),
	C("WATERMARK", 2, "watermark", INSTANT),
	C("IN FLIGHT", 3, "in_flight", EXACT),
	C("READ", 4, "read", EXACT),
	C("DELIVERED", 4, "delivered", EXACT),
	C("FALLBACK", 4, "fallback", EXACT),
	C("DEAD LETTER", 4, "dead_lettered", EXACT),
	C("DROPPED", 4, "dropped", EXACT),
	C("RETURNED", 4, "returned", EXACT),
	C("HELD", 4, "held", EXACT),
	C("LATE", 6, "late", EXACT),
	C("STALE", 6, "stale", EXACT),
};
/* clang-format on */

char *
fby_render_shm(const json_t *any, const struct fby_render *r)
{
	json_t *shm = printable_copy(any);
	char size[FBY_FORMAT];
	struct fby_str s;

	fby_str_init(&s);
	colored(&s, r, BOLD, text(shm, "name"));
	fby_str_printf(&s,
	    "  group %s, ABI %" PRId64 ", %s, %" PRId64 " slots, %" PRId64
	    " rows, epoch %" PRId64 "\nmaster  ",
	    text(shm, "group"), number(shm, "abi"),
	    show(shm, "size", BYTES, r->now, size), number(shm, "nslots"),
	    number(shm, "nrows"), number(shm, "epoch"));
	if (is_null(shm, "master_pid"))
		fby_str_puts(&s, "none\n");
	else if (is_true(shm, "alive"))
		fby_str_printf(&s, "pid %" PRId64 ", running\n",
		    number(shm, "master_pid"));
	else
		fby_str_printf(&s,
		    "pid %" PRId64 ", gone; the next one "
		    "commits what is acked and not committed\n",
		    number(shm, "master_pid"));
	table(&s, json_object_get(shm, "slots"), r, shm_slots,
	    FBY_NELEM(shm_slots), NULL);
	table(&s, json_object_get(shm, "functions"), r, shm_functions,
	    FBY_NELEM(shm_functions), NULL);
	table(&s, json_object_get(shm, "rows"), r, shm_rows,
	    FBY_NELEM(shm_rows), NULL);
	json_decref(shm);
	return fby_str_take(&s);
}
