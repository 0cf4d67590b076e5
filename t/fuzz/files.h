/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are whatever the input says, one text after the other: for targets
 * that include sources which open files by their path.
 */
#ifndef FBY_FUZZ_FILES_H
#define FBY_FUZZ_FILES_H

#include "t/fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>

static struct fuzz_texts files;

FBY_UNUSED static int
open_next(void)
{
	size_t len;
	const char *text = fuzz_next(&files, &len);

	if (text)
		return fuzz_file(text, len);
	errno = ENOENT;
	return -1;
}

FBY_UNUSED static FILE *
fake_fopen(const char *path, const char *mode)
{
	int fd;

	FBY_BUG_ON(*path != '/');
	fd = open_next();
	return fd == -1 ? NULL : fdopen(fd, mode);
}

FBY_UNUSED static ssize_t
fake_file_read(const char *path, char *buf, size_t size)
{
	int fd;
	ssize_t n = -1;

	FBY_BUG_ON(*path != '/');
	fd = open_next();
	if (fd != -1) {
		n = read(fd, buf, size - 1);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

#endif
