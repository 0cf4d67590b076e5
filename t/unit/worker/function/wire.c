/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "worker/function/wire.h"

static int
next(struct fby_wire *w, const char *bytes, size_t n)
{
	*w = (struct fby_wire){ .p = (const uint8_t *)bytes };
	w->end = w->p + n;
	return fby_wire_next(w);
}

static void
fields_come_in_their_order(void **state)
{
	static const char bytes[] = "\x08\x96\x01"           /* 1: 150 */
				    "\x12\x02hi"             /* 2: "hi" */
				    "\x1d\1\2\3\4"           /* 3: 4 bytes */
				    "\x21\1\2\3\4\5\6\7\x8"; /* 4: 8 bytes */
	struct fby_wire w;

	(void)state;
	assert_int_equal(next(&w, bytes, sizeof(bytes) - 1), 1);
	assert_int_equal(w.field, 1);
	assert_int_equal(w.number, 150);
	assert_null(w.bytes);
	assert_int_equal(fby_wire_next(&w), 1);
	assert_int_equal(w.field, 2);
	assert_int_equal(w.len, 2);
	assert_memory_equal(w.bytes, "hi", 2);
	assert_int_equal(fby_wire_next(&w), 1);
	assert_int_equal(w.field, 3);
	assert_int_equal(w.len, 4);
	assert_int_equal(fby_wire_next(&w), 1);
	assert_int_equal(w.len, 8);
	assert_int_equal(fby_wire_next(&w), 0);
}

static void
what_is_no_protobuf_is_found_out(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bads[] = {
		{ "\x08", 1 },       /* no number */
		{ "\x12\x03hi", 4 }, /* less than it says */
		{ "\x00\x01", 2 },   /* field 0 */
		{ "\x0b", 1 },       /* a group */
		{ "\x1d\1\2\3", 4 }, /* half of four bytes */
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 },
		{ "\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10 },
	};
	struct fby_wire w;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bads); i++)
		assert_int_equal(next(&w, bads[i].bytes, bads[i].n), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_in_their_order),
		cmocka_unit_test(what_is_no_protobuf_is_found_out),
	};

	return UNIT_RUN(tests);
}
