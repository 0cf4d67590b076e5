/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/base/str.h"
#include "shared/base/utf8.h"

#define BAD "\xef\xbf\xbd"

static void
mends(const char *from, size_t len, const char *to)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_mend(&s, from, len);
	assert_string_equal(s.p, to);
	assert_true(fby_utf8_is_valid(s.p, s.len));
	assert_int_equal(fby_utf8_is_valid(from, len),
	    s.len == len && memcmp(s.p, from, len) == 0);
	fby_str_fini(&s);
}

#define MENDS(from, to) mends(from, sizeof(from) - 1, to)

static void
valid_text_stays(void **state)
{
	(void)state;
	MENDS("", "");
	MENDS("a", "a");
	MENDS("orders-0123456789", "orders-0123456789");
	MENDS("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
	    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	MENDS("\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
	    "\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
	assert_true(fby_utf8_is_valid("a\0b", 3));
}

static void
each_broken_piece_becomes_one_character(void **state)
{
	(void)state;
	MENDS("\xff", BAD);
	MENDS("a\x80"
	      "b",
	    "a" BAD "b");
	MENDS("12345678\x80", "12345678" BAD);
	MENDS("\xc3", BAD);
	MENDS("\xc3(", BAD "(");
	MENDS("\xe2\x82", BAD);
	MENDS("\xe2\x82(", BAD "(");
	MENDS("\xf0\x9f\x98", BAD);
	MENDS("\xf0\x9f\xe2\x82\xac", BAD "\xe2\x82\xac");
}

static void
what_is_too_long_or_too_high_is_broken_byte_by_byte(void **state)
{
	(void)state;
	MENDS("\xc0\xaf", BAD BAD);
	MENDS("\xe0\x80\xaf", BAD BAD BAD);
	MENDS("\xed\xa0\x80", BAD BAD BAD);
	MENDS("\xf0\x80\x80\xaf", BAD BAD BAD BAD);
	MENDS("\xf4\x90\x80\x80", BAD BAD BAD BAD);
	MENDS("\xf5\x80\x80\x80", BAD BAD BAD BAD);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_text_stays),
		cmocka_unit_test(each_broken_piece_becomes_one_character),
		cmocka_unit_test(
		    what_is_too_long_or_too_high_is_broken_byte_by_byte),
	};

	return UNIT_RUN(tests);
}
