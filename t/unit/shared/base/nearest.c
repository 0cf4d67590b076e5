/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/base/nearest.h"

static const char *
nearest(const char *word)
{
	static const char *const words[] = { "topic", "brokers", "tls",
		"readBatchSize", "readTimeout", "sink", "source",
		"consumerGroup" };
	struct fby_nearest n;

	fby_nearest_init(&n, word);
	for (size_t i = 0; i < FBY_NELEM(words); i++)
		fby_nearest_try(&n, words[i]);
	return n.best ? n.best : "";
}

static void
a_slip_of_the_finger_is_seen(void **state)
{
	(void)state;
	assert_string_equal(nearest("topci"), "topic");
	assert_string_equal(nearest("broker"), "brokers");
	assert_string_equal(nearest("readbatchsize"), "readBatchSize");
	assert_string_equal(nearest("readBachSize"), "readBatchSize");
	assert_string_equal(nearest("consumer_group"), "consumerGroup");
	assert_string_equal(nearest("tsl"), "tls");
	assert_string_equal(nearest("sorce"), "source");
}

static void
another_word_is_not_taken_for_one(void **state)
{
	char longer[200];

	(void)state;
	assert_string_equal(nearest("zebra"), "");
	assert_string_equal(nearest(""), "");
	assert_string_equal(nearest("x"), "");
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_string_equal(nearest(longer), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slip_of_the_finger_is_seen),
		cmocka_unit_test(another_word_is_not_taken_for_one),
	};

	return UNIT_RUN(tests);
}
