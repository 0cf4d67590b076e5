/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts: committed offset, log start and log end of all
 * partitions that are RESOLVING, asked of the broker in one go, and
 * what the ledger of the master before knew better.
 *
 * A start is always an absolute offset, so that workers never decide:
 * committed if the broker still has it, else auto.offset.reset ("earliest"
 * unless the manifest's config says otherwise), which is logged and counted
 * when an offset had been committed.  So it is, and from the beginning, when
 * the committed offset is one of a topic that had the same name before: its
 * metadata say of which it is, and the topic's id is asked for, too.
 *
 * With "latest", and where the log was cut, the start is committed before
 * anybody reads from it.
 *
 * The whole group's committed offsets are looked at here, too: their metadata
 * give the watermark of all hosts together.
 */
#ifndef FBY_OFFSETS_H
#define FBY_OFFSETS_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/group/request.h"
#include "master/group/start.h"
#include "master/group/survey.h"

struct fby_context;
struct fby_group;
struct fby_handoff;
struct fby_offsets_part;
struct fby_recover;
struct fby_topics;
typedef struct rd_kafka_topic_partition_list_s rd_kafka_topic_partition_list_t;

struct fby_offsets {
	struct fby_context *ctx;       /* NULL: not begun */
	const struct fby_group *group; /* whose client asks */
	struct fby_handoff *handoff;
	struct fby_topics *topics;
	struct fby_recover *recover;
	struct fby_survey survey;
	struct fby_request ids;
	struct fby_offsets_part *parts; /* of the round under way */
	size_t nparts;
	bool again; /* more came meanwhile */
	enum fby_start_reset reset;
	bool all_known;                  /* of the round */
	struct fby_request first_commit; /* of starts nobody would find again */
	struct event ev_retry;
	struct fby_call *siblings;   /* of the round; under way, or NULL */
	struct fby_call *group_call; /* under way, or NULL */
	int64_t group_watermark;     /* FBY_NONE */
	uint64_t resets;             /* out of range, or of the topic before */
	uint64_t recovered;          /* taken from the old ledger */
};

void fby_offsets_init(struct fby_offsets *o, struct fby_context *ctx,
    struct fby_group *group, struct fby_handoff *handoff,
    struct fby_topics *topics, struct fby_recover *recover);
void fby_offsets_fini(struct fby_offsets *o);

/* Ask for all that is RESOLVING; later calls are gathered. */
void fby_offsets_resolve(struct fby_offsets *o);

/* The same after a little while: it has just failed. */
void fby_offsets_resolve_later(struct fby_offsets *o);

/* Ask for the watermark of the group, from these partitions; takes the list. */
void fby_offsets_group(struct fby_offsets *o,
    rd_kafka_topic_partition_list_t *list);

/* The client is gone: forget what is under way. */
void fby_offsets_forget(struct fby_offsets *o);

#endif
