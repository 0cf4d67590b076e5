/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker knows a master by: never the same for two of them, always
 * the same for one.
 */
#include "t/unit/unit.h"

#include "master/group/identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/str.h"

/* Of a directory by its path. */
static char *
identity_in(const char *dir, const char *name)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *id = fby_identity(fd, dir, name);

	if (fd != -1)
		close(fd);
	return id;
}

static char base[] = "/tmp/fby-identity-XXXXXX";
static char *a, *b, *file_a, *file_b;

static int
set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(base));
	a = fby_asprintf("%s/a", base);
	b = fby_asprintf("%s/b", base);
	file_a = fby_asprintf("%s/identity", a);
	file_b = fby_asprintf("%s/identity", b);
	assert_int_equal(mkdir(a, 0700), 0);
	assert_int_equal(mkdir(b, 0700), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(file_a);
	unlink(file_b);
	rmdir(a);
	rmdir(b);
	rmdir(base);
	free(a);
	free(b);
	free(file_a);
	free(file_b);
	return 0;
}

/* Into the heap of nobody: compared, and gone. */
static bool
is_same(const char *dir, const char *dir_too)
{
	char *x = identity_in(dir, "orders"),
	     *y = identity_in(dir_too, "orders");
	bool same;

	assert_non_null(x);
	assert_non_null(y);
	same = strcmp(x, y) == 0;
	free(x);
	free(y);
	return same;
}

static void
the_same_directory_is_the_same_master(void **state)
{
	char *dotted = fby_asprintf("%s/../a/.", a);
	char *id = identity_in(a, "orders");

	(void)state;
	assert_memory_equal(id, "forebay-", 8);
	assert_string_equal(id + 8 + 16, "-orders");
	assert_true(is_same(a, a));
	assert_true(is_same(a, dotted));
	free(dotted);
	free(id);
}

static void
another_directory_is_another_master(void **state)
{
	(void)state;
	assert_false(is_same(a, b));
}

/* As on two cloned machines: one path, one host name, one machine id. */
static void
the_number_alone_makes_the_difference(void **state)
{
	char *before = identity_in(a, "orders"), *after;

	(void)state;
	assert_int_equal(unlink(file_a), 0);
	after = identity_in(a, "orders");
	assert_string_not_equal(before, after);
	free(before);
	free(after);
}

static void
copy(const char *from, const char *to)
{
	char buf[64];
	int in = open(from, O_RDONLY),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n = read(in, buf, sizeof(buf));

	assert_true(n > 0);
	assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

static void
a_copied_directory_is_another_master(void **state)
{
	(void)state;
	assert_true(is_same(a, a));
	copy(file_a, file_b);
	assert_false(is_same(a, b));
}

static void
what_is_no_number_is_replaced(void **state)
{
	int fd;

	(void)state;
	fd = open(file_a, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, "0123", 4), 4);
	close(fd);
	assert_true(is_same(a, a));
	/* Nor is what lies behind a link: the link goes, not its target. */
	unlink(file_a);
	copy("/etc/passwd", file_b);
	assert_int_equal(symlink(file_b, file_a), 0);
	assert_true(is_same(a, a));
	fd = open(file_a, O_RDONLY | O_NOFOLLOW);
	assert_true(fd >= 0);
	close(fd);
}

static void
a_directory_that_is_missing_is_said(void **state)
{
	(void)state;
	assert_null(identity_in("/nonexistent", "orders"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_directory_is_the_same_master),
		cmocka_unit_test(another_directory_is_another_master),
		cmocka_unit_test(the_number_alone_makes_the_difference),
		cmocka_unit_test(a_copied_directory_is_another_master),
		cmocka_unit_test(what_is_no_number_is_replaced),
		cmocka_unit_test(a_directory_that_is_missing_is_said),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
