/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/boundary/metadata.h"

static int64_t
decode(const char *s)
{
	return fby_metadata_watermark(s, strlen(s));
}

static void
what_is_encoded_is_decoded(void **state)
{
	const int64_t values[] = { 0, 1, 1763843700123, INT64_MAX };
	char buf[FBY_METADATA_MAX];

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(values); i++) {
		size_t len = fby_metadata_encode(buf, values[i], 0, 0);

		assert_true(len > 0 && len < sizeof(buf));
		assert_true(fby_metadata_watermark(buf, len) == values[i]);
	}
	assert_int_equal(fby_metadata_encode(buf, FBY_NONE, 0, 0), 0);
}

static void
foreign_or_broken_metadata_is_no_watermark(void **state)
{
	static const char *const bad[] = {
		"",
		"hello",
		"fby2 w=5",
		"fby1",
		"fby1 w=",
		"fby1 w=x",
		"fby1 w=5x",
		"fby1 w=-5",
		"w=5",
		"fby1w=5",
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bad); i++)
		assert_true(decode(bad[i]) == FBY_NONE);
	assert_true(fby_metadata_watermark(NULL, 0) == FBY_NONE);
}

static void
unknown_keys_are_skipped(void **state)
{
	(void)state;
	assert_int_equal(decode("fby1 z=1 w=42 q=7"), 42);
}

static void
it_says_which_topic_is_meant(void **state)
{
	char buf[FBY_METADATA_MAX];
	size_t len = fby_metadata_encode(buf, INT64_MAX, UINT64_MAX, INT32_MAX);

	(void)state;
	assert_true(len > 0 && len < sizeof(buf));
	assert_true(len < sizeof(buf));
	assert_true(fby_metadata_topic_id(buf, len) == UINT64_MAX);
	assert_int_equal(fby_metadata_partitions(buf, len), INT32_MAX);
	assert_int_equal(fby_metadata_partitions("fby1 n=0", 8), 0);
	assert_int_equal(fby_metadata_partitions("fby1 n=-1", 9), 0);
	assert_int_equal(fby_metadata_partitions("fby1 n=4x", 9), 0);
	assert_int_equal(fby_metadata_partitions("fby1 w=1", 8), 0);
	assert_true(fby_metadata_watermark(buf, len) == INT64_MAX);
	len = fby_metadata_encode(buf, FBY_NONE, 0xabc, 0);
	assert_string_equal(buf, "fby1 t=0000000000000abc");
	assert_true(fby_metadata_topic_id(buf, len) == 0xabc);
	assert_true(fby_metadata_watermark(buf, len) == FBY_NONE);
}

static void
without_an_id_any_topic_may_be_meant(void **state)
{
	static const char *const bad[] = {
		"",
		"fby1 w=5",
		"fby1 t=",
		"fby1 t=abc",
		"fby1 t=0000000000000ab-",
		"fby1 t=00000000000000abc",
		"fby2 t=0000000000000abc",
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bad); i++)
		assert_true(fby_metadata_topic_id(bad[i], strlen(bad[i])) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(foreign_or_broken_metadata_is_no_watermark),
		cmocka_unit_test(unknown_keys_are_skipped),
		cmocka_unit_test(it_says_which_topic_is_meant),
		cmocka_unit_test(without_an_id_any_topic_may_be_meant),
	};

	return UNIT_RUN(tests);
}
