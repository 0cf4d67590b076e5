/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all librdkafka clients of a worker have in common, consumer and
 * producers: how they are made, what they say, and logging in anew.
 */
#ifndef FBY_RDKAFKA_H
#define FBY_RDKAFKA_H

#include "shared/fby.h"

#include "shared/kafka.h"

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
struct fby_manifest;
struct fby_worker;

/* A trouble that is said once, then once a minute while it lasts. */
struct fby_rdkafka_trouble {
	int code;
	int64_t said_at; /* monotonic; 0: the entry is free */
	uint64_t unsaid;
};

#define FBY_RDKAFKA_TROUBLES 8
#define FBY_RDKAFKA_OWN(n) (INT32_MIN + (int)(n)) /* not librdkafka's */

/*
 * A client whose threads have their own arena; a producer with transactions,
 * of this name.  NULL: the log says why.
 */
rd_kafka_t *fby_rdkafka_new(const struct fby_manifest *m,
    enum fby_kafka_client kind) FBY_MUSTCHECK;
rd_kafka_t *fby_rdkafka_new_transactional(const struct fby_manifest *m,
    const char *id) FBY_MUSTCHECK;

/* A line of librdkafka's, into our log at info or below. */
void fby_rdkafka_on_log(const char *whose, rd_kafka_event_t *ev);

/* Say it, unless the same was said within the last minute. */
void fby_rdkafka_on_trouble(struct fby_worker *w, const char *whose, int code,
    const char *text);

/* The next of the kind is worth a line of its own. */
void fby_rdkafka_is_over(struct fby_worker *w, int code);

/*
 * If the error is a refused log-in of any client: its secrets are read again
 * every half second for a while.
 */
void fby_rdkafka_on_login_error(struct fby_worker *w, int code);
void fby_rdkafka_login(struct fby_worker *w, int64_t mono);

#endif
