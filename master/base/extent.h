/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a batch goes that cannot be decoded.
 *
 * librdkafka says where such a batch begins, and not where it ends.  But a
 * broker answers with the whole batch that an offset lies in; so consumers
 * begin at one offset after another, and the first that does not come upon the
 * same batch is behind its end.  Another batch that cannot be decoded begins
 * elsewhere, and is never taken for a part of this one.  For that its beginning
 * has to be said: librdkafka says it of checksums that are wrong (so they are
 * compared here, whatever `check.crcs` is) and of what cannot be decompressed.
 * It says nothing of what has a right checksum and makes no sense, which no
 * broker takes from a producer; then nothing is skipped.
 *
 * Damaged bytes are what decoders die of, so this is done in a process of its
 * own: this very program, as `forebay extent`.  Its descriptors: 1 is read
 * here, one line, the last offset of the batch, or why there is none; 2 is the
 * log; 3 is the packed manifest.
 */
#ifndef FBY_EXTENT_H
#define FBY_EXTENT_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "shared/base/str.h"

struct event_base;
struct fby_manifest;

#define FBY_EXTENT_FD 3

/* ---- in the master ---------------------------------------------------- */

/* `last`: offset, not believed yet; FBY_NONE: `why` says it, printable. */
typedef void (*fby_extent_fn)(void *arg, int64_t last, const char *why);

struct fby_extent {
	struct event_base *base;
	struct event ev_read, ev_deadline;
	bool is_running;
	int pidfd, pipe_fd;
	struct fby_str said;
	fby_extent_fn fn;
	void *arg;
};

void fby_extent_init(struct fby_extent *ex, struct event_base *base);
void fby_extent_fini(struct fby_extent *ex); /* ends a child; no call */

/*
 * Of the batch at the offset in `what`, "orders/3@234".  fn is called once,
 * later.  -1 with errno: there is no child.
 */
int fby_extent_start(struct fby_extent *ex, int manifest_fd, const char *what,
    fby_extent_fn fn, void *arg) FBY_MUSTCHECK;

/* ---- in the child ----------------------------------------------------- */

/*
 * What is first from this offset on?  1: a batch that cannot be decoded, which
 * begins at *base; 0: something that can; -1: unknown.
 */
typedef int (*fby_extent_ask_fn)(void *arg, int64_t offset, int64_t *base);

/*
 * 1: the batch at `offset` cannot be decoded and ends at *last, at the latest
 * before `end`, where the log does; 0: it can be; -1: one answer was unknown.
 */
int fby_extent_find(fby_extent_ask_fn ask, void *arg, int64_t offset,
    int64_t end, int64_t *last);

/* Prints the line; an exit code. */
int fby_extent_print(const struct fby_manifest *m, const char *topic,
    int32_t partition, int64_t offset);

#endif
