/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sink is.  (struct fby_sink is what the manifest says about it; an
 * open sink is a struct fby_outlet.)
 *
 * A sink takes whole runs (`run`), or single records (`record`) followed by
 * one `flush` for each burst.  It runs on the worker's loop and never blocks;
 * it borrows a record's message until it reports the record complete through
 * pipeline.h.
 */
#ifndef FBY_SINK_H
#define FBY_SINK_H

#include "shared/fby.h"

struct fby_record;
struct fby_run;
struct fby_outlet;
struct fby_worker;

struct fby_sink_ops {
	const char *name;
	/*
	 * Everything is delivered when it returns.  NULL: the sink takes
	 * records.
	 */
	void (*run)(struct fby_outlet *out, const struct fby_run *run);
	/*
	 * FBY_OK: taken, will be reported; FBY_DONE: delivered; FBY_AGAIN: no
	 * room, the sink calls fby_pipeline_ready(); FBY_FAIL: see out->why.
	 */
	enum fby_rc (*record)(struct fby_outlet *out, struct fby_record *rec);
	void (*flush)(struct fby_outlet *out); /* or NULL */
	/* Reports nothing any more.  Messages may be freed after it. */
	void (*close)(struct fby_outlet *out);
};

struct fby_outlet {
	const struct fby_sink_ops *ops;
	struct fby_worker *w;
	const char *why; /* of the last FBY_FAIL */
};

/* The manifest's sink; NULL: the log says why. */
struct fby_outlet *fby_sink_open(struct fby_worker *w) FBY_MUSTCHECK;
void fby_sink_close(struct fby_outlet *out);

/* For sink.c.  NULL: the log says why. */
struct fby_outlet *fby_sink_log_open(struct fby_worker *w);
struct fby_outlet *fby_sink_blackhole_open(struct fby_worker *w);
struct fby_outlet *fby_sink_kafka_open(struct fby_worker *w);

#endif
