/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that are held back, for people; see quarantine.h.
 */
#include "shared/fby.h"

#include "master/group/quarantine.h"

#include <errno.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "master/base/context.h"
#include "master/group/progress.h"
#include "master/handoff/handoff.h"
#include "master/handoff/skip.h"

struct fby_quarantine_wait {
	struct fby_quarantine *q;
	uint32_t row;
	int64_t offset;
	uint64_t topic_id;
	char *who;
	struct fby_control_conn *conn; /* NULL: gone */
	LIST_ENTRY(fby_quarantine_wait) entry;
};

void
fby_quarantine_init(struct fby_quarantine *q, struct fby_context *ctx,
    struct fby_handoff *handoff, const struct fby_progress *progress,
    fby_quarantine_answer_fn answer_fn)
{
	q->ctx = ctx;
	q->handoff = handoff;
	q->progress = progress;
	q->answer = answer_fn;
	LIST_INIT(&q->waits);
	fby_extent_init(&q->extent, ctx->base);
}

static void
wait_free(struct fby_quarantine_wait *wait)
{
	LIST_REMOVE(wait, entry);
	free(wait->who);
	free(wait);
}

void
fby_quarantine_fini(struct fby_quarantine *q)
{
	fby_extent_fini(&q->extent);
	while (!LIST_EMPTY(&q->waits))
		wait_free(LIST_FIRST(&q->waits));
}

/* ---- the alarm -------------------------------------------------------- */

void
fby_quarantine_alarm(const struct fby_quarantine *q)
{
	const struct fby_handoff *h = q->handoff;
	const struct fby_part *pt = NULL;
	char several[80] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		if (h->parts[i].state != FBY_ROW_QUARANTINED)
			continue;
		if (n++ == 0)
			pt = &h->parts[i];
	}
	if (pt == NULL) {
		fby_alarm_clear(&q->ctx->alarms, FBY_ALARM_POISON);
		return;
	}
	if (n > 1)
		snprintf(several, sizeof(several),
		    "%zu partitions are held back, the first of them ", n);
	fby_alarm_set(&q->ctx->alarms, FBY_ALARM_POISON,
	    "%s%s/%d%s at offset %" PRId64
	    ": the record has killed its worker %u times; `forebay skip "
	    "%s/%d@%" PRId64 "` goes on without it",
	    several, pt->topic, pt->partition, n > 1 ? "" : " is held back",
	    pt->poison.culprit, pt->poison.kills, pt->topic, pt->partition,
	    pt->poison.culprit);
}

/* ---- skip ------------------------------------------------------------- */

/* All digits, and nothing else. */
static bool
parse_number(const char *text, int64_t max, int64_t *n)
{
	char *end;

	if (text[strspn(text, "0123456789")] != '\0' || *text == '\0')
		return false;
	errno = 0;
	*n = strtoll(text, &end, 10);
	return errno == 0 && *n <= max;
}

int
fby_quarantine_parse(char *text, int32_t *partition, int64_t *offset)
{
	char *at = strrchr(text, '@'), *slash;
	int64_t n;

	if (at == NULL)
		return -1;
	*at = '\0';
	slash = strrchr(text, '/');
	if (slash == NULL || slash == text ||
	    !parse_number(slash + 1, INT32_MAX, &n) ||
	    !parse_number(at + 1, INT64_MAX - 1, offset))
		return -1;
	*slash = '\0';
	*partition = (int32_t)n;
	return 0;
}

static void
record_skip(const struct fby_part *pt, int64_t first, int64_t last,
    const char *who)
{
	if (first == last)
		fby_notice("partition %s/%d: the record at offset %" PRId64
			   " was skipped by hand (%s)",
		    pt->topic, pt->partition, first, who);
	else
		fby_notice("partition %s/%d: the batch of offsets %" PRId64
			   " to %" PRId64
			   ", which cannot be decoded, was skipped by hand "
			   "(%s)",
		    pt->topic, pt->partition, first, last, who);
}

static void answer(const struct fby_quarantine *q,
    struct fby_control_conn *conn, bool ok, const char *fmt, ...)
    FBY_PRINTF(4, 5);

static void
answer(const struct fby_quarantine *q, struct fby_control_conn *conn, bool ok,
    const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = fby_vasprintf(fmt, ap);
	va_end(ap);
	q->answer(conn, ok, text);
	free(text);
}

static void
answer_skipped(const struct fby_quarantine *q, struct fby_control_conn *conn,
    const struct fby_part *pt, int64_t first, int64_t last)
{
	if (first == last)
		answer(q, conn, true,
		    "%s/%d: skipped the record at offset %" PRId64
		    "; it goes on at %" PRId64,
		    pt->topic, pt->partition, first, last + 1);
	else
		answer(q, conn, true,
		    "%s/%d: skipped the batch of offsets %" PRId64
		    " to %" PRId64
		    ", which cannot be decoded; it goes on at %" PRId64,
		    pt->topic, pt->partition, first, last, last + 1);
}

static struct fby_quarantine_wait *
find_wait(const struct fby_quarantine *q, uint32_t row)
{
	struct fby_quarantine_wait *wait;

	LIST_FOREACH (wait, &q->waits, entry)
		if (wait->row == row)
			break;
	return wait;
}

static struct fby_quarantine_wait *
wait_new(struct fby_quarantine *q, const struct fby_part *pt, int64_t offset,
    struct fby_control_conn *conn, const char *user)
{
	struct fby_quarantine_wait *wait = fby_calloc(1, sizeof(*wait));

	wait->q = q;
	wait->row = pt->row;
	wait->offset = offset;
	wait->topic_id = pt->topic_id;
	wait->conn = conn;
	wait->who = fby_strdup(user);
	LIST_INSERT_HEAD(&q->waits, wait, entry);
	return wait;
}

/* Now, or when the holder has released it. */
static void
skip_now(struct fby_quarantine *q, struct fby_part *pt,
    struct fby_quarantine_wait *wait, int64_t last)
{
	struct fby_str why;

	fby_str_init(&why);
	switch (fby_skip_records(q->handoff, pt, wait->offset, last, &why)) {
	case FBY_DONE:
		record_skip(pt, wait->offset, last, wait->who);
		if (wait->conn)
			answer_skipped(wait->q, wait->conn, pt, wait->offset,
			    last);
		wait_free(wait);
		break;
	case FBY_AGAIN:
	case FBY_OK:
		break;
	case FBY_FAIL:
		if (wait->conn)
			answer(wait->q, wait->conn, false, "%s", why.p);
		wait_free(wait);
		break;
	}
	fby_str_fini(&why);
}

/* ---- a batch that cannot be decoded ----------------------------------- */

/* Nothing of what is at this offset has come to a sink. */
static bool
is_unreadable(const struct fby_quarantine *q, const struct fby_part *pt,
    int64_t offset)
{
	const struct fby_handoff *h = q->handoff;
	const struct fby_progress_part *part = fby_progress_get(q->progress,
	    pt->row);

	if (offset != fby_handoff_acked(h, pt) ||
	    pt->state == FBY_ROW_QUARANTINED ||
	    fby_load(&fby_handoff_row(h, pt)->in_flight) > 0)
		return false;
	if (pt->failures > 0 && pt->failed_at == offset)
		return true;
	return part && part->is_stuck && part->acked == offset &&
	    part->role == FBY_FAILURE_SOURCE;
}

static void
refuse(struct fby_quarantine_wait *wait, const struct fby_part *pt,
    const char *why)
{
	if (wait->conn)
		answer(wait->q, wait->conn, false,
		    "%s/%d: nothing was skipped: %s", pt->topic, pt->partition,
		    why);
	wait_free(wait);
}

static void
on_extent(void *arg, int64_t last, const char *why)
{
	struct fby_quarantine_wait *wait = arg;
	struct fby_quarantine *q = wait->q;
	struct fby_part *pt = &q->handoff->parts[wait->row];

	if (last == FBY_NONE)
		refuse(wait, pt, why);
	else if (pt->topic_id != wait->topic_id ||
	    !is_unreadable(q, pt, wait->offset) || last < wait->offset)
		refuse(wait, pt, "it has moved meanwhile");
	else
		skip_now(q, pt, wait, last);
}

static void
skip_batch(struct fby_quarantine *q, struct fby_part *pt,
    struct fby_quarantine_wait *wait)
{
	struct fby_str why;
	char *what;

	fby_str_init(&why);
	what = fby_asprintf("%s/%" PRId32 "@%" PRId64, pt->topic, pt->partition,
	    wait->offset);
	if (!fby_skip_may(q->handoff, pt, wait->offset, wait->offset, &why)) {
		if (wait->conn)
			answer(wait->q, wait->conn, false, "%s", why.p);
		wait_free(wait);
	} else if (q->extent.is_running) {
		refuse(wait, pt, "the end of another batch is looked for");
	} else if (fby_extent_start(&q->extent, q->ctx->manifest_fd, what,
		       on_extent, wait) == -1) {
		refuse(wait, pt, strerror(errno));
	}
	free(what);
	fby_str_fini(&why);
}

static void
skip_part(struct fby_quarantine *q, struct fby_control_conn *conn,
    const char *user, struct fby_part *pt, int64_t offset)
{
	struct fby_quarantine_wait *wait = find_wait(q, pt->row);

	if (wait) {
		answer(q, conn, false,
		    "%s/%d: a skip of offset %" PRId64 " is under way already",
		    pt->topic, pt->partition, wait->offset);
		return;
	}
	wait = wait_new(q, pt, offset, conn, user);
	if (is_unreadable(q, pt, offset))
		skip_batch(q, pt, wait);
	else
		skip_now(q, pt, wait, offset);
}

/* ---- the command ------------------------------------------------------ */

void
fby_quarantine_skip(struct fby_quarantine *q, struct fby_control_conn *conn,
    const char *user, const char *args)
{
	struct fby_handoff *h = q->handoff;
	char *topic = fby_strdup(args);
	uint32_t row = FBY_NOROW;
	int32_t partition = 0;
	int64_t offset = 0;

	if (fby_quarantine_parse(topic, &partition, &offset) == -1) {
		answer(q, conn, false,
		    "which record?  `skip TOPIC/PARTITION@OFFSET`, for "
		    "instance `skip orders/3@234`");
	} else if ((row = fby_handoff_find(h, topic, partition)) == FBY_NOROW ||
	    h->parts[row].state == FBY_ROW_FREE) {
		answer(q, conn, false,
		    "%s/%" PRId32 " is not assigned to this "
		    "host",
		    topic, partition);
	} else {
		skip_part(q, conn, user, &h->parts[row], offset);
	}
	free(topic);
}

void
fby_quarantine_skipped(struct fby_quarantine *q, const struct fby_part *pt,
    int64_t offset, bool done)
{
	struct fby_quarantine_wait *wait = find_wait(q, pt->row);

	if (FBY_COUNT_IF(wait == NULL))
		return;
	if (done)
		record_skip(pt, offset, pt->skip_last, wait->who);
	if (wait->conn && done)
		answer_skipped(wait->q, wait->conn, pt, offset, pt->skip_last);
	else if (wait->conn)
		answer(wait->q, wait->conn, false,
		    "%s/%d: nothing was skipped, the record at offset %" PRId64
		    " was done, or the partition lost, meanwhile",
		    pt->topic, pt->partition, offset);
	wait_free(wait);
}

void
fby_quarantine_forget(struct fby_quarantine *q,
    const struct fby_control_conn *conn)
{
	struct fby_quarantine_wait *wait;

	LIST_FOREACH (wait, &q->waits, entry)
		if (wait->conn == conn)
			wait->conn = NULL;
}
