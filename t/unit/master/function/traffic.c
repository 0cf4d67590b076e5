/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger has of functions, added up.
 */
#include "t/unit/unit.h"

#include <math.h>
#include <stdlib.h>

#include "master/function/traffic.h"
#include "shared/base/str.h"
#include "shared/boundary/shm.h"
#include "shared/manifest/manifest.h"

#define NSLOTS 3

static struct fby_manifest m;
static struct fby_ledger_slot slots[NSLOTS];
static struct fby_shm shm;
static struct fby_traffic t;
static struct fby_traffic_watch w;
static struct fby_str s;

static int
begin(void **state)
{
	(void)state;
	memset(slots, 0, sizeof(slots));
	memset(&w, 0, sizeof(w));
	shm.slots = slots;
	shm.nslots = NSLOTS;
	m.runtime = "c";
	m.run_dir = "/run/f";
	m.host.workers = 2;
	m.functions[FBY_FUNCTION_MAP].present = true;
	fby_str_init(&s);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	fby_str_fini(&s);
	return 0;
}

static struct fby_ledger_function *
of(size_t slot, uint32_t instance, enum fby_conn_state state)
{
	struct fby_ledger_function *f = &slots[slot].function[FBY_FUNCTION_MAP];

	fby_store(&slots[slot].pid, 7);
	fby_store(&f->instance, instance);
	fby_store(&f->state, (uint32_t)state);
	return f;
}

static void
waiting(int64_t now)
{
	fby_str_reset(&s);
	fby_traffic_look(&w, &shm, &m, now);
	fby_traffic_print_waiting(&w, &shm, &m, now, &s);
}

static void
all_that_speak_to_it_are_added_up(void **state)
{
	struct fby_ledger_function *a = of(0, 1, FBY_CONN_READY);
	struct fby_ledger_function *b = of(1, 1, FBY_CONN_READY);

	(void)state;
	of(2, 0, FBY_CONN_READY);
	fby_store(&a->calls, 3);
	fby_store(&b->calls, 4);
	fby_store(&a->in_flight, 2);
	fby_store(&b->in_flight, 1);
	snprintf(b->language, sizeof(b->language), "python");
	fby_traffic_of(&t, &shm, FBY_FUNCTION_MAP, 1);
	assert_int_equal(t.calls, 7);
	assert_int_equal(t.in_flight, 3);
	assert_int_equal(t.connections, 2);
	assert_int_equal(t.ready, 2);
	assert_int_equal(t.state, FBY_CONN_READY);
	assert_string_equal(t.language, "python");
}

static void
one_that_is_gone_has_counted_and_is_not_connected(void **state)
{
	struct fby_ledger_function *a = of(0, 0, FBY_CONN_READY);

	(void)state;
	fby_store(&a->calls, 3);
	fby_store(&a->in_flight, 2);
	fby_store(&slots[0].pid, 0);
	fby_store(&slots[1].function[FBY_FUNCTION_MAP].instance, 1);
	fby_traffic_of(&t, &shm, FBY_FUNCTION_MAP, 0);
	assert_int_equal(t.calls, 3);
	assert_int_equal(t.connections, 0);
	assert_int_equal(t.in_flight, 0);
}

static void
the_worst_connection_is_shown(void **state)
{
	struct fby_ledger_function *b;

	(void)state;
	of(0, 0, FBY_CONN_READY);
	b = of(1, 0, FBY_CONN_BACKOFF);
	of(2, 0, FBY_CONN_WAITING);
	snprintf(b->why, sizeof(b->why), "reset");
	fby_traffic_of(&t, &shm, FBY_FUNCTION_MAP, 0);
	assert_int_equal(t.state, FBY_CONN_BACKOFF);
	assert_string_equal(t.why, "reset");
	assert_int_equal(t.ready, 1);
}

static void
texts_without_an_end_are_bounded(void **state)
{
	struct fby_ledger_function *a = of(0, 0, FBY_CONN_WAITING);

	(void)state;
	memset(a->language, 'x', sizeof(a->language));
	memset(a->version, 'x', sizeof(a->version));
	memset(a->why, 'x', sizeof(a->why));
	fby_store(&a->state, (uint32_t)FBY_CONN_WAITING);
	fby_traffic_of(&t, &shm, FBY_FUNCTION_MAP, 0);
	assert_int_equal(strlen(t.language), sizeof(t.language) - 1);
	assert_int_equal(strlen(t.why), sizeof(t.why) - 1);
	fby_store(&a->state, UINT32_MAX);
	fby_traffic_of(&t, &shm, FBY_FUNCTION_MAP, 0);
	assert_int_equal(t.connections, 0);
}

static void
quantiles_lie_within_their_bucket(void **state)
{
	struct fby_ledger_function *a = of(0, 0, FBY_CONN_READY);

	(void)state;
	fby_traffic_of(&t, &shm, FBY_FUNCTION_MAP, 0);
	assert_true(isnan(fby_traffic_quantile(&t, 0.5)));
	fby_store(&a->answer.bucket[0], 90);
	fby_store(&a->answer.bucket[FBY_HIST_BOUNDS], 10);
	fby_traffic_of(&t, &shm, FBY_FUNCTION_MAP, 0);
	assert_true(fby_traffic_quantile(&t, 0.5) <= 100);
	assert_true(fby_traffic_quantile(&t, 0.99) >= 8e8);
}

static void
calls_in_a_second_are_a_rate(void **state)
{
	struct fby_ledger_function *a = of(0, 1, FBY_CONN_READY);

	(void)state;
	fby_traffic_look(&w, &shm, &m, 1000);
	fby_store(&a->calls, 500);
	fby_traffic_look(&w, &shm, &m, 3000);
	assert_true(fabs(w.rate[FBY_FUNCTION_MAP][1] - 250) < 0.01);
	/* The ledger began anew. */
	fby_store(&a->calls, 1);
	fby_traffic_look(&w, &shm, &m, 4000);
	assert_true(fabs(w.rate[FBY_FUNCTION_MAP][1]) < 0.01);
}

static void
one_that_was_never_there_is_named_at_once(void **state)
{
	struct fby_ledger_function *a = of(0, 1, FBY_CONN_WAITING);

	(void)state;
	waiting(1000);
	assert_string_equal(s.p,
	    "1 worker cannot use map-1: not there yet "
	    "(/run/f/functions/map-1/map.sock)");
	snprintf(a->why, sizeof(a->why), "no \033 socket");
	waiting(2000);
	assert_non_null(strstr(s.p, "no \\x1b socket"));
}

static void
one_that_was_there_has_time_to_come_back(void **state)
{
	struct fby_ledger_function *a = of(0, 1, FBY_CONN_READY);

	(void)state;
	fby_store(&a->connects, 1);
	waiting(1000);
	assert_int_equal(s.len, 0);
	fby_store(&a->state, (uint32_t)FBY_CONN_BACKOFF);
	waiting(2000);
	assert_int_equal(s.len, 0);
	waiting(6000);
	assert_int_equal(s.len, 0);
	waiting(7000);
	assert_true(s.len > 0);
	fby_store(&a->state, (uint32_t)FBY_CONN_READY);
	waiting(8000);
	assert_int_equal(s.len, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_speak_to_it_are_added_up),
		TEST(one_that_is_gone_has_counted_and_is_not_connected),
		TEST(the_worst_connection_is_shown),
		TEST(texts_without_an_end_are_bounded),
		TEST(quantiles_lie_within_their_bucket),
		TEST(calls_in_a_second_are_a_rate),
		TEST(one_that_was_never_there_is_named_at_once),
		TEST(one_that_was_there_has_time_to_come_back),
	};

	return UNIT_RUN(tests);
}
