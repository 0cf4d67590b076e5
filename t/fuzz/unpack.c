/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest as a worker gets it, in a file that should be packed: any bytes
 * are a manifest or none, and what is one can be packed and handed on.
 */
#include "shared/fby.h"

#include <unistd.h>

#include "shared/manifest/manifest.h"
#include "shared/manifest/tables.h"
#include "t/fuzz/fuzz.h"

static bool
is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void
on_difference(void *arg, const char *path, enum fby_policy policy)
{
	(void)arg;
	(void)path;
	(void)policy;
}

static struct fby_manifest *
unpack(int fd)
{
	struct fby_manifest *m;
	struct fby_err err;
	char *text;

	fby_err_init(&err);
	m = fby_manifest_unpack(fd, &err);
	FBY_BUG_ON((m == NULL) != (err.total > 0));
	text = fby_err_text(&err);
	FBY_BUG_ON(!fuzz_is_printable(text));
	free(text);
	fby_err_fini(&err);
	return m;
}

static void
hand_on(const struct fby_manifest *m)
{
	int fd = fby_manifest_pack(m);
	struct fby_manifest *again;

	FBY_BUG_ON(fd == -1 || (again = unpack(fd)) == NULL);
	FBY_BUG_ON(fby_manifest_diff(m, again, on_difference, NULL) !=
	    FBY_POLICY_NONE);
	FBY_BUG_ON(!is_same(m->host_id, again->host_id));
	FBY_BUG_ON(!is_same(m->run_dir, again->run_dir));
	fby_manifest_free(again);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = fuzz_file(data, size);
	struct fby_manifest *m = unpack(fd);

	if (m)
		hand_on(m);
	fby_manifest_free(m);
	close(fd);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	unsetenv(FBY_MANIFEST_OBJECT_ENV);
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("RUNTIME_DIRECTORY");
	return 0;
}
