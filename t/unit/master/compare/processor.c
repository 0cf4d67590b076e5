/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "master/compare/processor.h"

/* What is made of a file with that text; NULL: of none. */
static void
reads(const char *text, const char *wanted)
{
	char file[] = "/tmp/fby-processor-XXXXXX", buf[20];
	int fd = mkstemp(file);

	assert_true(fd != -1);
	if (text)
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	else
		unlink(file);
	fby_compare_processor(file, buf, sizeof(buf));
	assert_string_equal(buf, wanted);
	close(fd);
	unlink(file);
}

static void
the_first_model_is_the_one(void **state)
{
	(void)state;
	reads("processor\t: 0\nmodel name\t:  One\nmodel name\t: Other\n",
	    "One");
}

static void
without_a_model_it_is_unknown(void **state)
{
	(void)state;
	reads(NULL, "unknown processor");
	reads("processor\t: 0\nmodel name without a colon\n",
	    "unknown processor");
	reads("model name\t:\n", "unknown processor");
}

static void
a_hypervisor_writes_nothing_to_the_terminal(void **state)
{
	(void)state;
	reads("model name\t: \033[2J\xff\n", "\\x1b[2J\\xff");
}

static void
a_long_name_is_cut_between_characters(void **state)
{
	(void)state;
	reads("model name\t: 0123456789abcdefghijk\n", "0123456789abcdefghi");
	reads("model name\t: 0123456789abcdefgh\xc3\xa9\n",
	    "0123456789abcdefgh");
	reads("model name\t: 0123456789abcdefg\xc3\xa9\n",
	    "0123456789abcdefg\xc3\xa9");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_model_is_the_one),
		cmocka_unit_test(without_a_model_it_is_unknown),
		cmocka_unit_test(a_hypervisor_writes_nothing_to_the_terminal),
		cmocka_unit_test(a_long_name_is_cut_between_characters),
	};

	return UNIT_RUN(tests);
}
