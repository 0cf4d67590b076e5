/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `compare` asks of the cluster and, for groups and topics of its own,
 * tells it.  Everything blocks, with a deadline, and gives up early when the
 * command is stopped.
 */
#ifndef FBY_COMPARE_KAFKA_H
#define FBY_COMPARE_KAFKA_H

#include "shared/fby.h"

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
struct fby_manifest;
struct fby_strings;

struct fby_compare_kafka {
	rd_kafka_t *rk; /* a consumer that never joins a group */
	rd_kafka_queue_t *queue;
	bool hurry;     /* cleaning up: a stop leaves it a little time */
	int64_t last;   /* when that time ends, 0: there was no stop; ms */
	int code;       /* of the last answer, librdkafka's */
	bool no_delete; /* the cluster cannot delete groups */
	char why[512];  /* what the last call failed of */
};

struct fby_compare_part {
	char *topic;
	int32_t partition;
	int64_t start, end;
};

struct fby_compare_log {
	struct fby_compare_part *parts;
	size_t n;
	int64_t records; /* from all starts to all ends */
};

/* `m` is a derived manifest.  -1: see `why`, as for all that follow. */
int fby_compare_kafka_open(struct fby_compare_kafka *k,
    const struct fby_manifest *m) FBY_MUSTCHECK;
void fby_compare_kafka_close(struct fby_compare_kafka *k);

/* All partitions of the topics, where they start and end now. */
int fby_compare_kafka_read(struct fby_compare_kafka *k,
    const struct fby_strings *topics,
    struct fby_compare_log *log) FBY_MUSTCHECK;
void fby_compare_kafka_free(struct fby_compare_log *log);

/* Commits where the group shall begin: at the starts, or at the ends. */
int fby_compare_kafka_place(struct fby_compare_kafka *k, const char *group,
    const struct fby_compare_log *log, bool at_end) FBY_MUSTCHECK;

/* How many records from the starts on are committed. */
int fby_compare_kafka_progress(struct fby_compare_kafka *k, const char *group,
    const struct fby_compare_log *log, int64_t *records) FBY_MUSTCHECK;

/* The group is gone, or was not there. */
int fby_compare_kafka_forget(struct fby_compare_kafka *k,
    const char *group) FBY_MUSTCHECK;

/* Returns when the topic can be written. */
int fby_compare_kafka_create(struct fby_compare_kafka *k, const char *topic,
    int partitions) FBY_MUSTCHECK;
int fby_compare_kafka_delete(struct fby_compare_kafka *k,
    const char *topic) FBY_MUSTCHECK;

#endif
