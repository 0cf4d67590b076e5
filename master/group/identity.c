/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker knows this master by; see identity.h.
 */
#include "shared/fby.h"

#include "master/group/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/base/str.h"

#define FILE_NAME "identity"
#define FRESH_NAME FILE_NAME ".new"
#define DIGITS 32

static uint64_t
hash(uint64_t h, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) /* FNV-1a */
		h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* ---- the number in the run directory ---------------------------------- */

/* Not through a link, nor from a pipe that nobody writes to. */
static bool
read_id(int dir, char number[DIGITS + 1])
{
	int fd = openat(dir, FILE_NAME,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	bool ok;

	if (fd == -1)
		return false;
	ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && read(fd, number, DIGITS) == DIGITS;
	close(fd);
	number[DIGITS] = '\0';
	return ok && strspn(number, "0123456789abcdef") == DIGITS;
}

static int
make_number(char number[DIGITS + 1])
{
	unsigned char bytes[DIGITS / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(number + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Whole, or not at all: half a number would be another one. */
static int
write_number(int dir, const char *number)
{
	int fd, rc = -1, saved;

	unlinkat(dir, FRESH_NAME, 0);
	fd = openat(dir, FRESH_NAME,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	errno = ENOSPC;
	if (write(fd, number, DIGITS) == DIGITS)
		rc = renameat(dir, FRESH_NAME, dir, FILE_NAME);
	saved = errno;
	close(fd);
	if (rc == -1)
		unlinkat(dir, FRESH_NAME, 0);
	errno = saved;
	return rc;
}

/* The process has one identity. */
static char last[DIGITS + 1];

static int
number_of(int dir, char number[DIGITS + 1])
{
	if (!read_id(dir, number)) {
		if (make_number(number) == -1 ||
		    write_number(dir, number) == -1)
			return -1;
	}
	memcpy(last, number, sizeof(last));
	return 0;
}

int
fby_identity_again(int dir)
{
	char number[DIGITS + 1];

	if (read_id(dir, number) && strcmp(number, last) == 0)
		return 0;
	return write_number(dir, last);
}

/* ---- where we are ----------------------------------------------------- */

static uint64_t
hash_machine(uint64_t h)
{
	char buf[256];
	ssize_t n = fby_file_read("/etc/machine-id", buf, sizeof(buf));

	if (n != -1)
		h = hash(h, buf, (size_t)n);
	if (gethostname(buf, sizeof(buf)) == 0)
		h = hash(h, buf, strnlen(buf, sizeof(buf)));
	return hash(h, "", 1);
}

static uint64_t
hash_path(uint64_t h, const char *run_dir)
{
	char real[PATH_MAX];

	if (realpath(run_dir, real) != NULL)
		run_dir = real;
	return hash(h, run_dir, strlen(run_dir) + 1);
}

char *
fby_identity(int dir, const char *run_dir, const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	char number[DIGITS + 1];

	if (number_of(dir, number) == -1) {
		fby_error("%s/" FILE_NAME ": %s", run_dir, strerror(errno));
		return NULL;
	}
	h = hash(hash_path(hash_machine(h), run_dir), number, DIGITS);
	return fby_asprintf("forebay-%016" PRIx64 "-%s", h, name);
}
