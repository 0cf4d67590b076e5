/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor that other processes write to as well (standard output,
 * standard error), for writes that never wait.
 *
 * It must not become non-blocking for the others: a pipe or terminal is opened
 * once more through /proc, a socket is written with MSG_DONTWAIT, a regular
 * file never blocks and must keep its common offset.  Where a pipe cannot be
 * opened once more it is polled before each write.
 */
#ifndef FBY_STREAM_H
#define FBY_STREAM_H

#include "shared/fby.h"

#include <sys/types.h>

struct fby_stream {
	int fd;
	int read_fd; /* of a regular file, or -1 */
	bool is_file, is_socket, is_pipe;
	bool must_poll; /* fd may block */
};

/* clang-format off */
#define FBY_STREAM_INIT { .fd = -1, .read_fd = -1 }
/* clang-format on */

/* `fd` stays the caller's, and may be closed.  -1 with errno. */
int fby_stream_open(struct fby_stream *s, int fd) FBY_MUSTCHECK;
void fby_stream_close(struct fby_stream *s);

/* Some of the n bytes, at least one; or -1 with errno, EAGAIN: no room. */
ssize_t fby_stream_write(const struct fby_stream *s, const char *p, size_t n);

/*
 * The byte in front of the next one that is written, whoever wrote it; at the
 * beginning '\n'.  False: only regular files that can be read tell it.
 */
bool fby_stream_last(const struct fby_stream *s, char *c);

#endif
