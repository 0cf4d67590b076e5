/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output, which all workers share with the master and with whatever
 * the operator runs beside it: whole lines, and none behind a fragment.
 *
 *  - No write waits, and the others' are not made to: shared/base/stream.h.
 *  - A writer has a lock (fcntl) while it writes, and keeps it until its line
 *    is complete.  So a line that is longer than what the kernel keeps
 *    together is not cut by another process.
 *    A process that has had it for a second hangs.  Where the file shows that
 *    no line of it has begun the others go on without the lock: each write to
 *    such a file is one piece.
 *  - A write may end anywhere: full disk, broken pipe, a process that is
 *    killed.  What it leaves is a fragment without an end.  The process that
 *    writes next ends it first.  In a regular file that can be read, the last
 *    byte tells; elsewhere a process knows only what it left itself.
 *
 * One for each process, since the locks belong to processes.
 */
#ifndef FBY_OUTPUT_H
#define FBY_OUTPUT_H

#include "shared/fby.h"

#include "shared/base/stream.h"

struct fby_output {
	struct fby_stream stream;
	bool can_lock, is_locked;
	bool is_busy;       /* the last EAGAIN: another process has the lock */
	int64_t busy_since; /* monotonic; 0: it is not */
	bool is_open;       /* our line has begun and is not complete */
	bool is_torn;       /* a fragment is the last that we know of */
};

/* Opens standard output.  -1: errno says why. */
int fby_output_open(struct fby_output *o) FBY_MUSTCHECK;
void fby_output_close(struct fby_output *o);

/* Bytes of whole lines that should be written at once; one may be longer. */
size_t fby_output_chunk(const struct fby_output *o);

/*
 * Write some of the `n` bytes, which go on where the last call has stopped.
 * The number written, or -1 with errno.  EAGAIN: try again when fd is
 * writable, or after a while if fby_output_must_ask().
 */
ssize_t fby_output_put(struct fby_output *o, const char *p, size_t n);
bool fby_output_must_ask(const struct fby_output *o);

/* The line that has begun will not be completed. */
void fby_output_break(struct fby_output *o);

/* No more for now: others may write, unless a line is open. */
void fby_output_rest(struct fby_output *o);

#endif
