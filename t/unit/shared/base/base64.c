/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/base/base64.h"

#include "shared/base/mem.h"

static struct fby_pool *pool;

static const struct {
	const char *plain, *coded;
} rfc4648[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void
the_vectors_of_the_standard_go_both_ways(void **state)
{
	size_t len;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(rfc4648); i++) {
		const char *plain = rfc4648[i].plain;

		assert_string_equal(fby_base64_encode(pool, plain,
					strlen(plain)),
		    rfc4648[i].coded);
		assert_string_equal(fby_base64_decode(pool, rfc4648[i].coded,
					&len),
		    plain);
		assert_int_equal(len, strlen(plain));
	}
}

static void
all_bytes_of_all_lengths_come_back(void **state)
{
	unsigned char in[300];
	char *coded, *out;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)(i * 7 + 250);
	for (size_t n = 0; n <= sizeof(in); n++) {
		coded = fby_base64_encode(pool, in, n);
		out = fby_base64_decode(pool, coded, &len);
		assert_non_null(out);
		assert_int_equal(len, n);
		assert_memory_equal(out, in, n);
	}
}

static void
white_space_and_missing_padding_are_no_matter(void **state)
{
	size_t len;

	(void)state;
	assert_string_equal(fby_base64_decode(pool, " Zm9v\r\n\tYg\n", &len),
	    "foob");
	assert_int_equal(len, 4);
}

static void
what_is_not_base64_is_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zg=", "Zg===", "=",
		"Zm9v=", "Zg==Zg==", "Zm9*", "Zm9-", "Zh==", "Zm9=", "Zm9vY" };
	size_t len;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bad); i++)
		assert_null(fby_base64_decode(pool, bad[i], &len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_standard_go_both_ways),
		cmocka_unit_test(all_bytes_of_all_lengths_come_back),
		cmocka_unit_test(white_space_and_missing_padding_are_no_matter),
		cmocka_unit_test(what_is_not_base64_is_refused),
	};
	int rc;

	pool = fby_pool_new(FBY_ARENA_CONFIG);
	rc = UNIT_RUN(tests);
	fby_pool_free(pool);
	return rc;
}
