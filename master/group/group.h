/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group member: a librdkafka consumer that subscribes, is assigned
 * partitions and commits, and fetches nothing.
 *
 * It fetches nothing because every ASSIGN is answered with an *empty* local
 * assignment: the group is content, librdkafka has nothing to fetch, and
 * commits of explicit offsets are still accepted.  A REVOKE is answered only
 * when all its partitions have been drained and committed, which the broker
 * allows for as long as max.poll.interval.ms.
 *
 * With exactly-once the workers send offsets in the member's name: they get
 * its metadata before the first grant and whenever it changes.  REVOKE of
 * what was lost is on its way before, since the broker does not refuse an
 * offset of a lost partition if it comes with the newest metadata.
 *
 * Everything is asynchronous: events and replies come through queues into
 * the master's loop.  A static member (group.instance.id) that stops in
 * order leaves by unsubscribing, which sends LeaveGroup; closing would not
 * (KIP-345).
 */
#ifndef FBY_GROUP_H
#define FBY_GROUP_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "shared/boundary/proto.h"
#include "shared/kafka/queue.h"

#include "master/group/health.h"
#include "master/group/instance.h"
#include "master/group/request.h"

typedef struct rd_kafka_s rd_kafka_t;
struct fby_context;
struct fby_handoff;

/*
 *	CLOSED ──open──▶ JOINING ──assigned──▶ STEADY ──revoked──▶ REVOKING
 *	  ▲                 ▲                    │                    │
 *	  │                 └────────────────────┼─────── drained ────┘
 *	  └──── closed ──── LEAVING ◀──leave─────┘
 */
#define FBY_GROUP_STATES(S)                   \
	S(CLOSED, "no member")                \
	S(JOINING, "joining the group")       \
	S(STEADY, "member")                   \
	S(REVOKING, "giving partitions back") \
	S(LEAVING, "leaving the group")

enum fby_group_state {
#define S(name, what) FBY_GROUP_##name,
	FBY_GROUP_STATES(S)
#undef S
	    FBY_GROUP_NSTATES
};

/*
 * What the member tells, and whom.  Each may be called from within any call of
 * this file; none of them closes or opens the member.
 */
struct fby_group_ops {
	/* `metadata` has changed: the workers need it to commit. */
	void (*metadata)(void *arg);
	/*
	 * Partitions of the hand-over have to leave.  When the last of them
	 * has, fby_group_unassign() answers the group; not from within.
	 */
	void (*revoked)(void *arg);
	/* Look at the topics soon; `missing`, or NULL: what is said of one. */
	void (*topics)(void *arg, const char *missing);
	/* The client is going: no answer of it comes any more. */
	void (*forget)(void *arg);
	/* We have left for good, or need not: the state is CLOSED. */
	void (*closed)(void *arg);
};

struct fby_group {
	struct fby_context *ctx;
	struct fby_handoff *handoff; /* gets what is assigned, and revoked */
	const struct fby_group_ops *ops;
	void *arg;
	rd_kafka_t *rk;                 /* NULL: closed */
	struct fby_kafka_queue queue;   /* events of the member */
	struct fby_kafka_queue replies; /* of our own requests */
	struct event ev_poll, ev_retry;
	enum fby_group_state state;
	int64_t since;            /* monotonic: in this state */
	int32_t epoch;            /* generation; -1: none */
	char *member_id;          /* heap, NULL: none */
	char *instance_id;        /* heap, NULL: dynamic */
	rd_kafka_event_t *revoke; /* held until drained */
	bool is_classic;          /* not group.protocol=consumer */
	bool is_login_refused;    /* user or password, not permission */
	bool closing;             /* LEAVING: close was called */
	bool is_dying;            /* the client before is being destroyed */
	bool open_when_gone;      /* and then another one is wanted */
	struct fby_group_health health;
	struct fby_instance instance;
	int64_t max_poll_ms, session_ms;
	int64_t close_by; /* monotonic deadline */
	int64_t retry_ms; /* back-off of re-opening */
	uint64_t rebalances;
	struct fby_msg_group metadata; /* size 0: none that may be used */
};

void fby_group_init(struct fby_group *g, struct fby_context *ctx,
    struct fby_handoff *handoff, const struct fby_group_ops *ops, void *arg);

/*
 * Make the client and subscribe, when the one before is gone: two with one
 * group.instance.id would fence each other.  -1: the client could not be made,
 * said in the log; it is tried again with a back-off.
 */
int fby_group_open(struct fby_group *g);

/* A broker has answered something that only a log-in gets. */
void fby_group_logged_in(struct fby_group *g);

/* Metadata name all topics; a commit was accepted: each needs its rights. */
void fby_group_topics_seen(struct fby_group *g);
void fby_group_committed(struct fby_group *g);

/* A broker has answered something. */
void fby_group_answered(struct fby_group *g);

/* Each second: the alarms of group/health.h. */
void fby_group_look(struct fby_group *g);

/*
 * Leave and join once more, so that the group shares out everything anew.  A
 * static member that only joins gets what it had.
 */
void fby_group_join_anew(struct fby_group *g);

/* Every partition of the REVOKE has left: answer it. */
void fby_group_unassign(struct fby_group *g);

/*
 * Leave for good, then close; state CLOSED follows, and a call of `closed`.
 */
void fby_group_leave(struct fby_group *g);

/* At exit, whatever the state. */
void fby_group_fini(struct fby_group *g);

/* The bound for draining on revoke: the wish, kept below max.poll. */
int64_t fby_group_drain_ms(const struct fby_group *g, int64_t wish_ms);

const char *fby_group_state_name(enum fby_group_state state);

#endif
