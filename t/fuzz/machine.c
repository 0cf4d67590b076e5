/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker knows this master by is made of files: a number in the run
 * directory and the machine's id.  Whatever they hold, the name is one that
 * Kafka takes, and the same for the same files.  Also, of /proc: is a file
 * locked, what processor is it.
 *
 * The bytes are the files, with a NUL between two of them.
 */
#include "shared/fby.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "t/fuzz/files.h"
#include "t/fuzz/fuzz.h"

static bool is_link; /* the number's file is none */

/* ---- the files -------------------------------------------------------- */

/* The number is read as it is, and its new file is written to nowhere. */
static int
fake_openat(int dir, const char *name, int flags, ...)
{
	(void)dir;
	FBY_BUG_ON(strchr(name, '/') != NULL);
	FBY_BUG_ON((flags & O_NOFOLLOW) == 0);
	if (flags & O_CREAT)
		return memfd_create("new", MFD_CLOEXEC);
	if (is_link)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	return open_next();
}

static int
fake_rename(int from_dir, const char *from, int to_dir, const char *to)
{
	(void)from_dir;
	(void)from;
	(void)to_dir;
	(void)to;
	return 0;
}

static int
fake_unlink(int dir, const char *name, int flags)
{
	(void)dir;
	(void)name;
	(void)flags;
	return 0;
}

static int
fake_stat(const char *path, struct stat *st)
{
	FBY_BUG_ON(*path != '/');
	return stat("/", st);
}

#define fby_file_read fake_file_read
#define fopen fake_fopen
#define openat fake_openat
#define renameat fake_rename
#define unlinkat fake_unlink
#include "master/group/identity.c"
#undef openat
#define stat(path, st) fake_stat(path, st)
#include "master/group/ledger_lock.c"
#undef stat
#include "master/compare/processor.c"
#undef fopen
#undef fby_file_read

/* ---- what is made of them --------------------------------------------- */

static void
begin(const uint8_t *data, size_t size)
{
	files = (struct fuzz_texts){ .p = (const char *)data, .left = size };
}

static char *
identity(const uint8_t *data, size_t size)
{
	begin(data, size);
	return fby_identity(-1, "/", "demo");
}

/* A number that is one is kept; of anything else a new one is made. */
static void
look_at_identity(const uint8_t *data, size_t size)
{
	char number[DIGITS + 1], *one, *other;
	bool is_kept;

	begin(data, size);
	is_kept = read_id(-1, number);
	if (is_kept)
		FBY_BUG_ON(strlen(number) != DIGITS);
	one = identity(data, size);
	other = identity(data, size);
	FBY_BUG_ON(one == NULL || other == NULL);
	FBY_BUG_ON((strcmp(one, other) == 0) != is_kept);
	FBY_BUG_ON(strlen(one) != strlen("forebay--demo") + 16);
	FBY_BUG_ON(
	    one[strspn(one, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0');
	free(one);
	free(other);
	is_link = true;
	FBY_BUG_ON(read_id(-1, number));
	is_link = false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char processor[96];
	struct stat root;

	look_at_identity(data, size);
	begin(data, size);
	if (stat("/", &root) == 0 && has_lock(11, 3, &root))
		FBY_BUG_ON(memmem(data, size, "FLOCK", 5) == NULL);
	begin(data, size);
	fby_compare_processor("/proc/cpuinfo", processor, sizeof(processor));
	FBY_BUG_ON(!fuzz_is_printable(processor) || !fuzz_is_utf8(processor));
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	return 0;
}
