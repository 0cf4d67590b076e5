/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an open sink is: a struct fby_outlet.  (struct fby_sink is what the
 * manifest says about it.)
 *
 * A sink takes whole runs (`run`), or single records (`record`) followed by
 * one `flush` for each burst.  It runs on the worker's loop and never blocks;
 * it borrows a record's message until it reports the record complete through
 * pipeline.h.
 */
#ifndef FBY_OUTLET_H
#define FBY_OUTLET_H

#include "shared/fby.h"

#include "shared/manifest/manifest.h"

struct fby_lane;
struct fby_msg_group;
struct fby_outlet;
struct fby_record;
struct fby_run;
struct fby_worker;

struct fby_outlet_ops {
	const char *name;
	/*
	 * Copies that it makes of a record's bytes, for the budget: what the
	 * sink holds beside the message that it borrows.
	 */
	unsigned copies;
	/*
	 * Wants the records of a lane in order and without gaps: when one was
	 * refused, none after it until it is taken.  What is dropped by rule
	 * is given to `drop`, too, which never refuses.
	 */
	bool in_order;
	/*
	 * It says for each record whether onSuccess gets it; from all others
	 * onSuccess gets what they have delivered.
	 */
	bool names_success;
	/*
	 * Everything is delivered when it returns.  NULL: only records.
	 */
	void (*run)(struct fby_outlet *out, const struct fby_run *run);
	/*
	 * FBY_OK: taken, will be reported; FBY_DONE: delivered; FBY_AGAIN: no
	 * room, the sink calls fby_pipeline_ready(); FBY_FAIL: see out->why.
	 */
	enum fby_rc (*record)(struct fby_outlet *out, struct fby_record *rec);
	void (*drop)(struct fby_outlet *out, struct fby_record *rec);
	/* A function has dropped it; as `record`, with that outcome. */
	enum fby_rc (*pass)(struct fby_outlet *out, struct fby_record *rec);
	void (*flush)(struct fby_outlet *out); /* or NULL */
	/* A log-in was refused: with the secrets as they are now.  Or NULL. */
	void (*login)(struct fby_outlet *out);
	/* Every half second: say it if nothing is taken.  Or NULL. */
	void (*tick)(struct fby_outlet *out, int64_t mono);
	/* What it has taken is wanted soon: a lane drains.  Or NULL. */
	void (*hurry)(struct fby_outlet *out);
	/* The lane is released; the sink still has records of it.  Or NULL. */
	void (*forget)(struct fby_outlet *out, struct fby_lane *ln);
	/* The group's metadata have changed.  Or NULL. */
	void (*group)(struct fby_outlet *out, const struct fby_msg_group *msg);
	/* Reports nothing any more.  Messages may be freed after it. */
	void (*close)(struct fby_outlet *out);
};

struct fby_outlet {
	const struct fby_outlet_ops *ops;
	struct fby_worker *w;
	unsigned role;     /* of a sink, or enum fby_stage */
	const char *why;   /* of the last FBY_FAIL; static */
	bool is_permanent; /* it would fail again */
};

#endif
