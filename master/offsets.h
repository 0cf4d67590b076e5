/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts: committed offset, log start and log end of all
 * partitions that are RESOLVING, asked of the broker in three requests, and
 * what the ledger of the master before knew better.
 *
 * A start is always an absolute offset, so that workers never decide:
 * committed if the broker still has it, else auto.offset.reset ("earliest"
 * unless the manifest's config says otherwise), which is logged and counted
 * when an offset had been committed.
 *
 * Here, too, is the periodic look at the whole group's committed offsets,
 * whose metadata give the watermark of all hosts together.
 */
#ifndef FBY_OFFSETS_H
#define FBY_OFFSETS_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/request.h"
#include "master/start.h"

struct fby_offsets_part;

struct fby_offsets {
	struct fby_master	*mst;
	struct fby_request committed, starts, ends, whole;
	struct fby_offsets_part	*parts;		/* of the round under way */
	size_t			 nparts;
	unsigned		 waiting;	/* replies still to come */
	bool			 failed;	/* one of them was an error */
	bool			 again;		/* more came meanwhile */
	enum fby_start_reset	 reset;
	struct event		 ev_retry, ev_whole;
	int64_t			 group_watermark;	/* FBY_NONE */
	uint64_t		 resets;	/* out of range, counted */
	uint64_t		 recovered;	/* taken from the old ledger */
};

void	fby_offsets_init(struct fby_offsets *o, struct fby_master *mst);
void	fby_offsets_fini(struct fby_offsets *o);

/* Ask for all that is RESOLVING; later calls are gathered. */
void	fby_offsets_resolve(struct fby_offsets *o);

/* The client is gone: forget what is under way. */
void	fby_offsets_forget(struct fby_offsets *o);

#endif
