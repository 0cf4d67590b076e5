/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest as workers get it.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "t/unit/shared/manifest/texts.h"

static void
a_packed_manifest_is_the_same_and_cannot_be_changed(void **state)
{
	char *names[] = { fby_strdup("conf/examples/minimal.yaml"),
		fby_strdup("t/conf/host.yaml") };
	struct fby_manifest *m, *copy;
	struct fby_err err;
	int fd;

	(void)state;
	fby_err_init(&err);
	m = fby_manifest_load(names, 2, &err);
	assert_non_null(m);
	m->host_id = "forebay-0123-minimal";
	setenv("RUNTIME_DIRECTORY", "/run/of the master", 1);
	fd = fby_manifest_pack(m);
	unsetenv("RUNTIME_DIRECTORY");
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	copy = fby_manifest_unpack(fd, &err);
	assert_non_null(copy);
	assert_int_equal(copy->ntexts, 2);
	assert_string_equal(copy->host_id, "forebay-0123-minimal");
	assert_string_equal(fby_manifest_run_dir(copy), "/run/of the master");
	assert_string_equal(copy->texts[1].name, "t/conf/host.yaml");
	assert_int_equal(copy->host.workers, 3);
	assert_int_equal(fby_manifest_diff(m, copy, NULL, NULL),
	    FBY_POLICY_NONE);
	fby_manifest_free(m);
	fby_manifest_free(copy);
	close(fd);
	free(names[0]);
	free(names[1]);
}

static void
what_is_no_packed_manifest_is_refused(void **state)
{
	static const char *const bad[] = { "", "x", "forebay-manifest 3 ",
		"forebay-manifest 2 0\n", "forebay-manifest 3 \n",
		"forebay-manifest 3 1\n", "forebay-manifest 3 0",
		"forebay-manifest 3 0 \n", "forebay-manifest 3 0 2\n",
		"forebay-manifest 3 0 2 \n/", "forebay-manifest 3 0 0 \n",
		"forebay-manifest 3 0 1 \na", "forebay-manifest 3 2 2 \n/r",
		"forebay-manifest 3 0 9999 \n/r", "forebay-manifest 3 1 2 \n/r",
		"forebay-manifest 3 1 2 \n/r5 a\n1234",
		"forebay-manifest 3 1 2 \n/r3 a\n1234",
		"forebay-manifest 3 9999999999999999999999 2 \n/r",
		"forebay-manifest 3 1 2 \n/r99999999999999999999 a\n",
		"forebay-manifest 3 1 2 \n/r3a\n123",
		"forebay-manifest 3 0 2 \n/r" };
	struct fby_err err;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bad); i++) {
		const int fd = memfd_create("t", MFD_CLOEXEC);

		fby_err_init(&err);
		assert_int_equal(write(fd, bad[i], strlen(bad[i])),
		    strlen(bad[i]));
		assert_null(fby_manifest_unpack(fd, &err));
		assert_int_equal(err.n, 1);
		fby_err_fini(&err);
		close(fd);
	}
	fby_err_init(&err);
	assert_null(fby_manifest_unpack(-1, &err));
	fby_err_fini(&err);
}

static void
the_one_that_is_picked_is_what_workers_find(void **state)
{
	static const char yaml[] = MVTX "---\n" MVTX_TWO;
	const struct fby_manifest_text text = { "t", yaml, strlen(yaml),
		"two" };
	struct fby_manifest *m, *other;
	struct fby_err err;
	int fd;

	(void)state;
	fby_err_init(&err);
	m = fby_manifest_parse(&text, 1, &err);
	assert_non_null(m);
	assert_string_equal(m->name, "two");
	fd = fby_manifest_pack(m);
	other = fby_manifest_unpack(fd, &err);
	assert_non_null(other);
	assert_string_equal(other->name, "two");
	fby_manifest_free(other);
	fby_manifest_free(m);
	close(fd);
	fby_err_fini(&err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_packed_manifest_is_the_same_and_cannot_be_changed),
		cmocka_unit_test(what_is_no_packed_manifest_is_refused),
		cmocka_unit_test(the_one_that_is_picked_is_what_workers_find),
	};

	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	return UNIT_RUN(tests);
}
