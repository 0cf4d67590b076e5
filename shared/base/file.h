/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files, whole; directories; sealed memfds.
 */
#ifndef FBY_FILE_H
#define FBY_FILE_H

#include "shared/fby.h"

#include <sys/types.h>

struct fby_str;

/*
 * What a file of /proc or /sys says, ended by NUL, or as much of it as there
 * is room for.  Returns the bytes; -1 with errno, and the text is empty.
 */
ssize_t fby_file_read(const char *path, char *buf, size_t size);

/* Up to the end, added to s; -1 with errno, EFBIG if it is more than max. */
int fby_file_read_fd(int fd, struct fby_str *s, size_t max) FBY_MUSTCHECK;

/* All of it; -1 with errno. */
int fby_file_write(int fd, const void *p, size_t len) FBY_MUSTCHECK;

/* The directory with this mode, those above it with 0755; -1 with errno. */
int fby_file_make_dirs(const char *path, mode_t mode) FBY_MUSTCHECK;

/*
 * A memfd that is written: rewound, sealed against every change, and of mode
 * 0, so that no process opens it anew by way of /proc.  -1 with errno.
 */
int fby_file_seal(int fd) FBY_MUSTCHECK;

#endif
