/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints: the vectors of SipHash's authors.
 */
#include "t/unit/unit.h"

#include "master/function/fingerprint.h"

static void
it_is_siphash(void **state)
{
	/* Of 0 to 15 bytes that count from 0, under a key that does, too. */
	static const uint64_t want[] = {
		UINT64_C(0x726fdb47dd0e0e31),
		UINT64_C(0x74f839c593dc67fd),
	};
	uint8_t bytes[FBY_FINGERPRINT_KEY];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < FBY_NELEM(want); i++)
		assert_int_equal(fby_fingerprint(bytes, bytes, i), want[i]);
	/* The example of the paper. */
	assert_int_equal(fby_fingerprint(bytes, bytes, 15),
	    UINT64_C(0xa129ca6149be45e5));
}

static void
another_key_or_text_has_another(void **state)
{
	static const uint8_t one[FBY_FINGERPRINT_KEY] = { 1 },
			     other[FBY_FINGERPRINT_KEY] = { 2 };

	(void)state;
	assert_int_not_equal(fby_fingerprint(one, "secret", 6),
	    fby_fingerprint(other, "secret", 6));
	assert_int_not_equal(fby_fingerprint(one, "secret", 6),
	    fby_fingerprint(one, "secreT", 6));
	assert_int_not_equal(fby_fingerprint(one, "\0", 1),
	    fby_fingerprint(one, "", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_siphash),
		cmocka_unit_test(another_key_or_text_has_another),
	};

	return UNIT_RUN(tests);
}
