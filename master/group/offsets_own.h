/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between offsets.c, which asks in rounds, offsets_start.c, which decides where
 * one partition starts, and offsets_latest.c, which has what only
 * auto.offset.reset: latest needs.
 */
#ifndef FBY_OFFSETS_OWN_H
#define FBY_OFFSETS_OWN_H

#include "master/group/offsets.h"

struct fby_part;

/* One partition of a round; they stand by topic and number. */
struct fby_offsets_part {
	struct fby_part *pt;
	int64_t committed, watermark; /* FBY_NONE: none */
	int32_t epoch; /* of the leader, of the record before it; or -1 */
	int64_t first, end, stable;
	uint32_t partitions; /* its metadata say so; 0: they do not */
	uint32_t size;       /* of its topic, as far as we know */
	unsigned round;      /* of the part, when it was asked for */
	bool is_known;       /* all of this is */
	uint64_t of;         /* topic of the committed one; 0: not said */
	bool doubt;          /* is it this one?  Its id is asked for */
	bool is_later;       /* than the group's beginning with its topic */
	/* What was decided, and is committed before anybody reads. */
	bool is_to_commit;
	int64_t start, start_watermark;
	int32_t start_epoch;
	uint64_t topic_id;
};

/* Behind the last of the topic that the one at i is of. */
size_t fby_offsets_end_of_topic(const struct fby_offsets *o, size_t i);

/* How many partitions has the topic of [i, end), as far as we know? */
int fby_offsets_size_of(const struct fby_offsets *o, size_t i, size_t end);

/* All answers are there. */
void fby_offsets_decide(struct fby_offsets *o);

/* Nothing is under way any more; `all`: nothing has to be asked anew. */
void fby_offsets_end_round(struct fby_offsets *o, bool all);

/* ---- offsets_start.c -------------------------------------------------- */

/*
 * Of a partition whose answers are there: where it starts, or why it does not.
 * Then it is asked for again.
 */
void fby_offsets_choose(struct fby_offsets *o, struct fby_offsets_part *op);

/* How many there were when the group began with it, for its metadata. */
void fby_offsets_keep_size(struct fby_offsets *o,
    const struct fby_offsets_part *op);

/* What was decided of one. */
void fby_offsets_resolved(struct fby_offsets *o,
    const struct fby_offsets_part *op, uint64_t topic_id, int64_t committed,
    int64_t start, int32_t epoch, int64_t watermark);

/* ---- offsets_latest.c ------------------------------------------------- */

/* Is a partition one that was added?  Then fby_offsets_decide(). */
void fby_offsets_ask_siblings(struct fby_offsets *o);

/* What is decided of it is to be committed first. */
void fby_offsets_commit_first(struct fby_offsets *o,
    struct fby_offsets_part *op, uint64_t topic_id, int64_t start,
    int32_t epoch, int64_t watermark);

/* false: there is nothing to commit; else fby_offsets_end_round() follows. */
bool fby_offsets_send_first(struct fby_offsets *o);
void fby_offsets_on_first(void *arg, rd_kafka_event_t *ev);

#endif
