/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * The transaction of `delivery: exactlyOnce`: its state, from one begin to
 * the next.  sink/kafka_txn.c puts records in, txn.c gets it committed or gives
 * them back.
 *
 *	INIT -> BEGIN -> READY -> OPEN -> FLUSHING -> OFFSETS -> COMMITTING
 *	          ^        |        |         |          |         |   |
 *	          |        +--------+----+----+----------+---------+   |
 *	          |                      v                             |
 *	          +<--- RESTING <--- ABORTING               committed  |
 *	          +<----------------------------------------------------+
 *
 *	OPEN	  has records, or only offsets; closed when it is full or old,
 *		  when a lane drains, when there is no room for more
 *	FLUSHING  waits for the last report and the group's metadata
 *	ABORTING  after an error, a refused record, or the release of a lane
 *	RESTING	  after an abort, longer each time; its records wait
 *	DEAD	  from any: the process ends
 *
 * Always true: a record is complete only when its transaction is committed;
 * one transaction is under way, and while it is none is begun, so records
 * wait; a transaction that has records of a released lane is not committed,
 * unless the commit was on its way already.  (Then its offsets are pending,
 * and the master's question where to start is not answered before that is
 * decided.)
 *
 * After any error everything is given back and handed over again.
 *
 * Fatal errors, among them that somebody else has our transactional.id, end
 * the process; so does an answer that we do not understand.  The next one
 * aborts what was open, and the master asks the broker where to start.
 *
 * The first transaction of a process has nothing but an offset, and is
 * aborted.  Initialising ends what the transaction coordinator knows of; but
 * an offset that a dead process had sent may come to the group coordinator
 * after that, and would be pending for ever, and nobody be told where to
 * start.  The abort of ours takes it along, and the epoch of ours keeps out
 * what comes later.
 */
/* clang-format on */
#ifndef FBY_TXN_H
#define FBY_TXN_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "shared/boundary/proto.h"
#include "shared/kafka/queue.h"
#include "shared/manifest/manifest.h"

#include "worker/outlet.h"
#include "worker/sink/unanswered.h"

typedef struct rd_kafka_error_s rd_kafka_error_t;
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
struct fby_record;
struct fby_txn_call;

/* clang-format off */
/* name, states that may follow */
#define FBY_TXN_STATES(S)                                                  \
	S(INIT,	      T(BEGIN))                                            \
	S(BEGIN,      T(READY))                                            \
	S(READY,      T(OPEN) | T(ABORTING))                               \
	S(OPEN,	      T(FLUSHING) | T(ABORTING))                           \
	S(FLUSHING,   T(OFFSETS) | T(ABORTING))                            \
	S(OFFSETS,    T(COMMITTING) | T(ABORTING))                         \
	S(COMMITTING, T(BEGIN) | T(ABORTING))                              \
	S(ABORTING,   T(RESTING))                                          \
	S(RESTING,    T(BEGIN))                                            \
	S(DEAD,	      0)
/* clang-format on */

enum fby_txn_state {
#define S(name, next) FBY_TXN_##name,
	FBY_TXN_STATES(S)
#undef S
	    FBY_TXN_NSTATES
};

/* Of a record, in rec->mark. */
enum fby_txn_mark {
	FBY_TXN_DROP = 1,    /* to be passed over */
	FBY_TXN_ACCUSED = 2, /* to be sent alone */
	FBY_TXN_FAILED = 4,  /* is in `failures` */
	FBY_TXN_SOLO = 8,    /* refused when it was alone: shares none */
};

struct fby_txn_failure {
	struct fby_record *rec;
	const char *why;
	bool permanent;
};

struct fby_txn {
	struct fby_outlet out;
	enum fby_txn_state state;
	struct fby_unanswered unanswered;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topics[FBY_SINK_N];
	struct fby_kafka_queue kq; /* reports, errors, logs */
	struct fby_txn_call *call;
	struct fby_msg_group group; /* size 0: none yet */
	struct fby_record **recs;   /* of the transaction */
	size_t n, cap;
	struct fby_txn_failure *failures; /* reasons to abort */
	size_t nfailures, failures_cap;
	size_t npartial;          /* lanes: one that is not all in */
	size_t open;              /* messages that have no report yet */
	struct fby_record *alone; /* nothing else may be with the broker */
	bool is_clean;            /* the first one has been aborted */
	bool spoiled;             /* a message has failed */
	bool hurry;               /* a lane drains */
	bool refused;             /* somebody waits for room */
	bool quiet;               /* who is accused waits for the others */
	bool solo_waits;          /* the next one is for one that shares none */
	bool was_solo;            /* the last one was */
	bool others_first;        /* so this is not */
	int64_t rest_ms;
	int64_t watermark_at; /* monotonic: next offsets for its sake */
	struct event ev_due, ev_rest, ev_repeat, ev_purge, ev_late;
	struct event ev_offered;
};

void fby_txn_init(struct fby_txn *s);

/* Client and caller are there: get ready for the first one. */
void fby_txn_start(struct fby_txn *s);

/* Before the client goes. */
void fby_txn_fini(struct fby_txn *s);

/* Something is in: the time runs. */
void fby_txn_open(struct fby_txn *s, const char *why);

/* Commit it; no record is taken any more. */
void fby_txn_close(struct fby_txn *s, const char *why);

/* Give all of it back.  It is open, or just closed. */
void fby_txn_abort(struct fby_txn *s, const char *why);

/* A report has come, or the group's metadata: closed ones may go on. */
void fby_txn_go_on(struct fby_txn *s);
void fby_txn_group(struct fby_txn *s, const struct fby_msg_group *msg);

/* For txn_call.h. */
void fby_txn_answer(void *arg, rd_kafka_error_t *error);

/* The process ends. */
void fby_txn_die(struct fby_txn *s, const char *text);

#endif
