/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that are held back, for people; see quarantine.h.
 */
#include "shared/fby.h"

#include "master/quarantine.h"

#include <errno.h>

#include "shared/log.h"
#include "shared/mem.h"
#include "shared/str.h"

#include "master/control.h"
#include "master/master.h"
#include "master/skip.h"

struct fby_quarantine_wait {
	uint32_t row;
	char *who;
	struct fby_control_conn *conn; /* NULL: gone */
	LIST_ENTRY(fby_quarantine_wait) entry;
};

void
fby_quarantine_init(struct fby_quarantine *q, struct fby_master *mst)
{
	q->mst = mst;
	LIST_INIT(&q->waits);
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
	while (!LIST_EMPTY(&q->waits))
		wait_free(LIST_FIRST(&q->waits));
}

/* ---- the alarm -------------------------------------------------------- */

void
fby_quarantine_alarm(struct fby_master *mst)
{
	const struct fby_handoff *h = &mst->handoff;
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
		fby_alarm_clear(&mst->ctx.alarms, FBY_ALARM_POISON);
		return;
	}
	if (n > 1)
		snprintf(several, sizeof(several),
		    "%zu partitions are held back, the first of them ", n);
	fby_alarm_set(&mst->ctx.alarms, FBY_ALARM_POISON,
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
read_number(const char *text, int64_t max, int64_t *n)
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
	    !read_number(slash + 1, INT32_MAX, &n) ||
	    !read_number(at + 1, INT64_MAX - 1, offset))
		return -1;
	*slash = '\0';
	*partition = (int32_t)n;
	return 0;
}

static void
record_skip(const struct fby_part *pt, int64_t offset, const char *who)
{
	fby_notice("partition %s/%d: the record at offset %" PRId64
		   " was skipped by hand (%s)",
	    pt->topic, pt->partition, offset, who);
}

static void answer(struct fby_control_conn *conn, bool ok, const char *fmt, ...)
    FBY_PRINTF(3, 4);

static void
answer(struct fby_control_conn *conn, bool ok, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = fby_vasprintf(fmt, ap);
	va_end(ap);
	fby_control_result(conn, ok, text);
	free(text);
}

static void
answer_skipped(struct fby_control_conn *conn, const struct fby_part *pt,
    int64_t offset)
{
	answer(conn, true,
	    "%s/%d: skipped the record at offset %" PRId64
	    "; it goes on at %" PRId64,
	    pt->topic, pt->partition, offset, offset + 1);
}

static void
wait_for(struct fby_quarantine *q, const struct fby_part *pt,
    struct fby_control_conn *conn)
{
	struct fby_quarantine_wait *wait = fby_calloc(1, sizeof(*wait));

	wait->row = pt->row;
	wait->conn = conn;
	wait->who = fby_strdup(fby_control_who(conn));
	LIST_INSERT_HEAD(&q->waits, wait, entry);
}

static void
skip_part(struct fby_master *mst, struct fby_control_conn *conn,
    struct fby_part *pt, int64_t offset)
{
	struct fby_str why;

	fby_str_init(&why);
	switch (fby_skip_record(&mst->handoff, pt, offset, &why)) {
	case FBY_DONE:
		record_skip(pt, offset, fby_control_who(conn));
		answer_skipped(conn, pt, offset);
		break;
	case FBY_AGAIN:
	case FBY_OK:
		wait_for(&mst->quarantine, pt, conn);
		break;
	case FBY_FAIL:
		answer(conn, false, "%s", why.p);
		break;
	}
	fby_str_fini(&why);
}

void
fby_quarantine_skip(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	struct fby_handoff *h = &mst->handoff;
	char *topic = fby_strdup(args);
	uint32_t row = FBY_NOROW;
	int32_t partition = 0;
	int64_t offset = 0;

	if (fby_quarantine_parse(topic, &partition, &offset) == -1) {
		answer(conn, false,
		    "which record?  `skip TOPIC/PARTITION@OFFSET`, for "
		    "instance `skip orders/3@234`");
	} else if ((row = fby_handoff_find(h, topic, partition)) == FBY_NOROW ||
	    h->parts[row].state == FBY_ROW_FREE) {
		answer(conn, false,
		    "%s/%" PRId32 " is not assigned to this "
		    "host",
		    topic, partition);
	} else {
		skip_part(mst, conn, &h->parts[row], offset);
	}
	free(topic);
}

void
fby_quarantine_skipped(struct fby_master *mst, const struct fby_part *pt,
    int64_t offset, bool done)
{
	struct fby_quarantine_wait *wait;

	LIST_FOREACH (wait, &mst->quarantine.waits, entry)
		if (wait->row == pt->row)
			break;
	if (FBY_COUNT_IF(wait == NULL))
		return;
	if (done)
		record_skip(pt, offset, wait->who);
	if (wait->conn && done)
		answer_skipped(wait->conn, pt, offset);
	else if (wait->conn)
		answer(wait->conn, false,
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
