/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that are held back, for people: the alarm, and `skip`, by which
 * an operator goes on without a record, or without the batch at which the
 * partition stands if that cannot be decoded.  The states are handoff.h's.
 */
#ifndef FBY_QUARANTINE_H
#define FBY_QUARANTINE_H

#include "shared/fby.h"

#include <sys/queue.h>

#include "master/base/extent.h"

struct fby_context;
struct fby_control_conn;
struct fby_handoff;
struct fby_part;
struct fby_progress;
struct fby_quarantine_wait;

/* Ends the conversation, when the answer has been sent. */
typedef void (*fby_quarantine_answer_fn)(struct fby_control_conn *conn, bool ok,
    const char *text);

struct fby_quarantine {
	struct fby_context *ctx;
	struct fby_handoff *handoff;
	const struct fby_progress *progress;
	fby_quarantine_answer_fn answer;
	/* Skips that wait for a release, or for the end of a batch. */
	LIST_HEAD(, fby_quarantine_wait) waits;
	struct fby_extent extent; /* one at a time */
};

void fby_quarantine_init(struct fby_quarantine *q, struct fby_context *ctx,
    struct fby_handoff *handoff, const struct fby_progress *progress,
    fby_quarantine_answer_fn answer);

/* Nobody waits any more. */
void fby_quarantine_fini(struct fby_quarantine *q);

/* Say which partitions are held back, or that none is any more. */
void fby_quarantine_alarm(const struct fby_quarantine *q);

/*
 * `orders/3@234`: the topic, which may have slashes, the partition, and the
 * offset of the record to go on without.  The topic ends where the text is
 * cut by this; -1: it is not of that form.
 */
int fby_quarantine_parse(char *text, int32_t *partition,
    int64_t *offset) FBY_MUSTCHECK;

/* The command, and the user who gave it; it is answered, now or later. */
void fby_quarantine_skip(struct fby_quarantine *q,
    struct fby_control_conn *conn, const char *user, const char *args);
void fby_quarantine_skipped(struct fby_quarantine *q, const struct fby_part *pt,
    int64_t offset, bool done);

/* The connection has gone; the skip goes on. */
void fby_quarantine_forget(struct fby_quarantine *q,
    const struct fby_control_conn *conn);

#endif
