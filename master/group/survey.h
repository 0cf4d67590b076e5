/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker knows of some partitions, asked in one go: where their logs
 * begin and end, up to where transactions are decided, what the group has
 * committed.  Nothing is waited for.
 *
 * What is committed is asked first: asked later, or at the same time, it might
 * be beyond the end of the log that is answered.
 */
#ifndef FBY_SURVEY_H
#define FBY_SURVEY_H

#include "shared/fby.h"

#include "master/base/call.h"
#include "master/group/request.h"

typedef struct rd_kafka_queue_s rd_kafka_queue_t;
struct fby_survey;

enum fby_survey_what {
	FBY_SURVEY_COMMITTED = 1,
	FBY_SURVEY_FIRST = 2,
	FBY_SURVEY_END = 4,
	FBY_SURVEY_STABLE = 8,
};

#define FBY_SURVEY_LISTS 3 /* all but the first */

struct fby_survey_part {
	const char *topic; /* good until the survey's next question */
	int32_t partition;
	unsigned known; /* of enum fby_survey_what: answered, no error */
	int64_t committed, watermark; /* FBY_NONE: none */
	int32_t epoch;       /* the leader's, of the one before it; or -1 */
	uint64_t of;         /* topic of the committed one; 0: not
			      * said */
	uint32_t partitions; /* as metadata.h has it; 0: not said */
	int64_t first, end;  /* of the log */
	int64_t stable;      /* first open transaction, or end */
};

/* `error` is why some of it may be missing, or NULL. */
typedef void fby_survey_fn(void *arg, struct fby_survey *s, const char *error);

struct fby_survey {
	struct fby_calls *calls;
	fby_survey_fn *fn;
	void *arg;
	struct fby_survey_list {
		struct fby_survey *survey;
		enum fby_survey_what what;
		struct fby_request request;
	} lists[FBY_SURVEY_LISTS];
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	unsigned what;
	struct fby_call *call;                  /* under way, or NULL */
	rd_kafka_topic_partition_list_t *asked; /* owns the names; or NULL */
	struct fby_survey_part *parts;          /* by topic and number */
	size_t nparts;
	unsigned waiting; /* answers still to come */
	char error[256];
};

void fby_survey_init(struct fby_survey *s, struct fby_calls *calls,
    fby_survey_fn *fn, void *arg);

/*
 * Ask for these partitions, of enum fby_survey_what; takes the list.  Answers
 * come through `queue`, where events of admin requests must be handed to their
 * struct fby_request.  Not while one is under way.
 */
void fby_survey_ask(struct fby_survey *s, rd_kafka_t *rk,
    rd_kafka_queue_t *queue, rd_kafka_topic_partition_list_t *list,
    unsigned what);

bool fby_survey_is_under_way(const struct fby_survey *s);

/* NULL: it was not asked for. */
struct fby_survey_part *fby_survey_find(const struct fby_survey *s,
    const char *topic, int32_t partition);

/* The client is gone: forget what is under way, and known. */
void fby_survey_forget(struct fby_survey *s);

#endif
