/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of librdkafka's transactional API, one at a time, without waiting
 * for them.
 *
 * They wait for brokers, and that cannot be had otherwise: there is no
 * asynchronous form, rd_kafka_send_offsets_to_transaction() waits for its
 * answer whatever its timeout says, and a call that is resumed after a
 * timeout aborts the process if it times out at the wrong moment (see
 * worker/README).  So they are made on a thread, which does nothing else: it
 * takes a request that nobody else touches any more, makes the call, and
 * gives the answer back through an eventfd of the loop.  No data are shared.
 */
#ifndef FBY_TXN_CALL_H
#define FBY_TXN_CALL_H

#include "shared/fby.h"

struct event_base;
struct fby_txn_call;
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_consumer_group_metadata_s
    rd_kafka_consumer_group_metadata_t;
typedef struct rd_kafka_error_s rd_kafka_error_t;
typedef struct rd_kafka_topic_partition_list_s rd_kafka_topic_partition_list_t;

enum fby_txn_verb {
	FBY_TXN_CALL_INIT,
	FBY_TXN_CALL_BEGIN,
	FBY_TXN_CALL_OFFSETS,
	FBY_TXN_CALL_COMMIT,
	FBY_TXN_CALL_ABORT,
};

/* On the loop.  NULL: it is done; the error is the callee's. */
typedef void (*fby_txn_call_fn)(void *arg, rd_kafka_error_t *error);

/* NULL: the log says why. */
struct fby_txn_call *fby_txn_call_new(struct event_base *base, rd_kafka_t *rk,
    fby_txn_call_fn done, void *arg) FBY_MUSTCHECK;

/*
 * Waits a moment for a call that is under way.  False: it has not ended; then
 * nothing is freed, and neither may the client be: the process is to exit.
 */
bool fby_txn_call_free(struct fby_txn_call *c) FBY_MUSTCHECK;

/*
 * None may be under way.  `offsets` and `group`, for OFFSETS only, are the
 * thread's from here on.
 */
void fby_txn_call_start(struct fby_txn_call *c, enum fby_txn_verb verb,
    rd_kafka_topic_partition_list_t *offsets,
    rd_kafka_consumer_group_metadata_t *group);

#endif
