/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/base/str.h"

static void
escapes(const void *p, size_t len, const char *expected)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_escape(&s, p, len);
	assert_string_equal(s.p, expected);
	fby_str_fini(&s);
}

static void
text_stays_text_and_the_rest_is_escaped(void **state)
{
	(void)state;
	escapes("plain", 5, "plain");
	escapes("a\nb\tc\\d\r", 8, "a\\nb\\tc\\\\d\\r");
	escapes("\0\x7f\xff", 3, "\\x00\\x7f\\xff");
	escapes("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
	escapes("", 0, "");
}

static void
broken_utf8_is_escaped_byte_by_byte(void **state)
{
	(void)state;
	escapes("\xc3", 1, "\\xc3");
	escapes("\xc0\xaf", 2, "\\xc0\\xaf");                   /* overlong */
	escapes("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");          /* surrogate */
	escapes("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"); /* too high */
	escapes("\xc2\x85", 2, "\\xc2\\x85");                   /* C1 control */
}

static void
what_is_escaped_in_parts_is_not_escaped_again(void **state)
{
	struct fby_str s;

	(void)state;
	fby_str_init(&s);
	fby_str_printable(&s, "a\\n\x1b[0m\n\xff", 9);
	assert_string_equal(s.p, "a\\n\\x1b[0m\\n\\xff");
	fby_str_fini(&s);
}

static void
text_grows_and_is_handed_over(void **state)
{
	struct fby_str s;
	char *p;

	(void)state;
	fby_str_init(&s);
	for (int i = 0; i < 1000; i++)
		fby_str_printf(&s, "%d,", i % 10);
	assert_int_equal(s.len, 2000);
	p = fby_str_take(&s);
	assert_int_equal(strlen(p), 2000);
	assert_null(s.p);
	free(p);
}

static void
what_is_cut_is_cut_between_characters(void **state)
{
	char to[6];

	(void)state;
	fby_str_print_into(to, sizeof(to), "short", 5);
	assert_string_equal(to, "short");
	fby_str_print_into(to, sizeof(to), "longer", 6);
	assert_string_equal(to, "longe");
	/* Two bytes, of which one has room; three and four of each kind. */
	fby_str_print_into(to, sizeof(to), "four\xc3\xa4", 6);
	assert_string_equal(to, "four");
	fby_str_print_into(to, sizeof(to), "abc\xe2\x82\xac", 6);
	assert_string_equal(to, "abc");
	fby_str_print_into(to, sizeof(to), "ab\xe2\x82\xac!", 6);
	assert_string_equal(to, "ab\xe2\x82\xac");
	fby_str_print_into(to, sizeof(to), "a\nb\xff", 4);
	assert_string_equal(to, "a\\nb\\");
	fby_str_print_into(to, 1, "a", 1);
	assert_string_equal(to, "");
	fby_str_print_into(to, sizeof(to), "", 0);
	assert_string_equal(to, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_stays_text_and_the_rest_is_escaped),
		cmocka_unit_test(broken_utf8_is_escaped_byte_by_byte),
		cmocka_unit_test(what_is_escaped_in_parts_is_not_escaped_again),
		cmocka_unit_test(text_grows_and_is_handed_over),
		cmocka_unit_test(what_is_cut_is_cut_between_characters),
	};

	return UNIT_RUN(tests);
}
