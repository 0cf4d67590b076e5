/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "shared/boundary/ledger.h"
#include "shared/manifest/function.h"

#include "master/base/status_ledger.h"

static struct fby_ledger_function fn;

static void
expect(json_t *o, const char *key, const char *value)
{
	assert_string_equal(json_string_value(json_object_get(o, key)), value);
}

static void
a_connection_is_shown(void **state)
{
	json_t *o;

	(void)state;
	memset(&fn, 0, sizeof(fn));
	fby_store(&fn.state, FBY_CONN_READY);
	fby_store(&fn.instance, 2);
	fby_store(&fn.since, 1);
	fby_store(&fn.calls, 10);
	fby_store(&fn.answers, 8);
	fby_store(&fn.in_flight, 2);
	memcpy(fn.language, "python", 7);
	memcpy(fn.version, "0.14.0", 7);
	o = fby_status_function(&fn, FBY_FUNCTION_SUCCESS);
	expect(o, "role", "onSuccess");
	expect(o, "state", "ready");
	expect(o, "language", "python");
	expect(o, "version", "0.14.0");
	assert_true(json_is_null(json_object_get(o, "why")));
	assert_int_equal(json_integer_value(json_object_get(o, "calls")), 10);
	assert_int_equal(json_integer_value(json_object_get(o, "in_flight")),
	    2);
	json_decref(o);
}

/* Another process writes it, and may write anything. */
static void
what_a_broken_worker_wrote_stays_in_its_bounds(void **state)
{
	const char *why;
	json_t *o;

	(void)state;
	memset(&fn, 'x', sizeof(fn));
	o = fby_status_function(&fn, FBY_FUNCTION_MAP);
	expect(o, "state", "?");
	expect(o, "language", "xxxxxxxxxxxxxxxx");
	why = json_string_value(json_object_get(o, "why"));
	assert_int_equal(strlen(why), sizeof(fn.why));
	json_decref(o);
	memset(&fn, 0xff, sizeof(fn));
	o = fby_status_function(&fn, FBY_FUNCTION_MAP);
	assert_true(json_is_null(json_object_get(o, "state_age_ms")));
	assert_non_null(json_object_get(o, "why"));
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_shown),
		cmocka_unit_test(
		    what_a_broken_worker_wrote_stays_in_its_bounds),
	};

	return UNIT_RUN(tests);
}
