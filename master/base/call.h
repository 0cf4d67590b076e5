/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of librdkafka that wait, made on a thread so that the loop does not:
 * the only thread of ours in the master.  It takes a call from one list, makes
 * it, puts it on another list and writes to an eventfd, and runs nothing else
 * of this program.  The lists are under one lock; all else of a call belongs
 * to the thread while it is there, and to the loop before and after.
 *
 * Why a thread, and not what answers through a queue?
 *
 *	committed	The admin API's ListConsumerGroupOffsets aborts the
 *			process if the coordinator comes back after the
 *			request's time is up: the request is freed, the query
 *			for the coordinator is not, and answers into it
 *			(librdkafka issue 4605; in 2.14.2
 *			rd_kafka_admin_coord_request() returns _DESTROY and
 *			rd_kafka_coord_req_fail() goes on from there).
 *	metadata	DescribeTopics asks the controller and nobody else.
 *	destroy		It waits for librdkafka's threads, one of which may be
 *			looking up a name; and it must not run while another
 *			call to that client is under way.
 */
#ifndef FBY_CALL_H
#define FBY_CALL_H

#include "shared/fby.h"

#include <event2/event_struct.h>
#include <pthread.h>
#include <sys/queue.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_partition_list_s rd_kafka_topic_partition_list_t;
struct rd_kafka_metadata;
struct fby_call;
TAILQ_HEAD(fby_call_list, fby_call);

struct fby_calls {
	pthread_t thread;
	bool is_running;
	int efd; /* readable: something is done */
	struct event ev;
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	/* ---- under the lock ---- */
	struct fby_call_list todo, done;
	bool is_over; /* the thread ends when todo is empty */
	enum fby_call_kind {
		FBY_CALL_COMMITTED,
		FBY_CALL_METADATA,
		FBY_CALL_MEMBERS,
		FBY_CALL_DESTROY
	} kind; /* of the one under way */
};

/* -1, logged: there is no thread to be had. */
int fby_calls_init(struct fby_calls *c, struct event_base *base) FBY_MUSTCHECK;

/*
 * Waits for the calls that are left, for FBY_CALLS_WAIT_MS at most: librdkafka
 * may wait for a resolver that never answers.  false: that is so, the log has
 * which call it is, and the thread goes on.  Then nothing that it may touch is
 * freed any more, and the process ends by _exit(2).
 */
#define FBY_CALLS_WAIT_MS 5000
bool fby_calls_fini(struct fby_calls *c) FBY_MUSTCHECK;

/*
 * All answers come in a turn of the loop of their own.  What is returned here
 * is only good for fby_call_forget(), until then.  `err` is librdkafka's code.
 */

/*
 * What the client's group has committed of these partitions; takes the list.
 * The answer is the list with offset (negative: none), metadata, leader epoch
 * and error of each; it is freed afterwards.
 */
typedef void fby_call_committed_fn(void *arg,
    rd_kafka_topic_partition_list_t *list, int err);
struct fby_call *fby_call_committed(struct fby_calls *c, rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *list, int timeout_ms,
    fby_call_committed_fn *fn, void *arg);

/*
 * Metadata of the topics that are named in the list, which is taken.  There
 * may be others in the answer; it is freed afterwards, and NULL if `err` is
 * not 0.
 */
typedef void fby_call_metadata_fn(void *arg, const struct rd_kafka_metadata *md,
    int err);
struct fby_call *fby_call_metadata(struct fby_calls *c, rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *topics, int timeout_ms,
    fby_call_metadata_fn *fn, void *arg);

/*
 * The group and its members; NULL if there is no such group, or on an error.
 */
struct rd_kafka_group_info;
typedef void fby_call_members_fn(void *arg, const struct rd_kafka_group_info *g,
    int err);
struct fby_call *fby_call_members(struct fby_calls *c, rd_kafka_t *rk,
    const char *group, int timeout_ms, fby_call_members_fn *fn, void *arg);

/*
 * Destroy the client after all other calls to it, without a good-bye to its
 * group; then tell fn, unless it is NULL.  The client's queues and events must
 * be gone already.
 */
typedef void fby_call_destroyed_fn(void *arg);
void fby_call_destroy(struct fby_calls *c, rd_kafka_t *rk,
    fby_call_destroyed_fn *fn, void *arg);

/* The answer is not wanted any more; call may be NULL. */
void fby_call_forget(struct fby_calls *c, struct fby_call *call);

#endif
