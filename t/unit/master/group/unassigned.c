/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a member of the group has, as the broker passes it on.
 */
#include "t/unit/unit.h"

#include "master/master.h"
#include "t/unit/master/group/fake_members.h"

static char said[256];

static void
note(void *arg, const char *topic, size_t len, int32_t partition)
{
	size_t at = strlen(said);

	(void)arg;
	snprintf(said + at, sizeof(said) - at, "%.*s/%d ", (int)len, topic,
	    partition);
}

static int
read_it(const void *bytes, size_t size)
{
	said[0] = '\0';
	return fby_unassigned_read(bytes, size, note, NULL);
}

/* Two topics, the second with two partitions, and no data of the user's. */
static const char two[] = "\0\1"
			  "\0\0\0\2"
			  "\0\1a\0\0\0\1\0\0\0\3"
			  "\0\6orders\0\0\0\2\0\0\0\0\0\0\1\1"
			  "\xff\xff\xff\xff";

static void
an_assignment_names_topics_and_partitions(void **state)
{
	(void)state;
	assert_int_equal(read_it(two, sizeof(two) - 1), 0);
	assert_string_equal(said, "a/3 orders/0 orders/257 ");
	assert_int_equal(read_it("\0\1\0\0\0\0\xff\xff\xff\xff", 10), 0);
	assert_string_equal(said, "");
	assert_int_equal(read_it(NULL, 0), 0);
}

/* Each in a place of its own, so that a sanitizer sees what is read beyond. */
static void
what_is_cut_off_is_refused(void **state)
{
	const size_t whole = sizeof(two) - 1 - 4;

	(void)state;
	for (size_t n = 1; n < whole; n++) {
		char *part = malloc(n);

		assert_non_null(part);
		memcpy(part, two, n);
		assert_int_equal(read_it(part, n), -1);
		free(part);
	}
	assert_int_equal(read_it("\0\1\xff\xff\xff\xff", 6), -1);
	assert_int_equal(read_it("\0\1\0\0\0\1\xff\xff", 8), -1);
	assert_int_equal(read_it("\0\1\0\0\0\1\0\1a\xff\xff\xff\xff", 13), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_assignment_names_topics_and_partitions),
		cmocka_unit_test(what_is_cut_off_is_refused),
	};

	return UNIT_RUN(tests);
}
