/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/admin/status.h"
#include "master/base/json.h"
#include "master/base/status_ledger.h"
#include "shared/base/clock.h"
#include "t/unit/master/fake_master.h"

/* All pieces together. */
static json_t *
whole(void)
{
	struct fby_status_text *t = fby_status_begin(&mst);
	struct fby_str s;
	json_t *o;

	fby_str_init(&s);
	while (fby_status_next(t, &s))
		;
	fby_status_end(t);
	assert_int_equal(s.p[s.len - 1], '\n');
	o = json_loads(s.p, 0, NULL);
	assert_non_null(o);
	fby_str_fini(&s);
	return o;
}

static void
lag_counts_from_what_the_broker_still_has(void **state)
{
	struct fby_ledger_row *row = &mst.shm.rows[0];

	(void)state;
	assert_int_equal(fby_status_lag(row), FBY_NONE);
	fby_store(&row->high, 100);
	fby_store(&row->log_start, 40);
	assert_int_equal(fby_status_lag(row), 60);
	fby_store(&row->committed, 30);
	assert_int_equal(fby_status_lag(row), 60);
	fby_store(&row->committed, 90);
	assert_int_equal(fby_status_lag(row), 10);
	/* The end of the log may be older news than the commit. */
	fby_store(&row->committed, 110);
	assert_int_equal(fby_status_lag(row), 0);
}

static void
a_total_with_an_unknown_part_is_unknown(void **state)
{
	(void)state;
	assert_int_equal(fby_status_total_lag(&mst), FBY_NONE);
	fby_store(&mst.shm.rows[0].high, 5);
	fake_master_tick(fby_clock_mono());
	assert_int_equal(fby_status_total_lag(&mst), 5);
}

static void
only_partitions_that_are_ours_are_there(void **state)
{
	json_t *o = whole(), *p, *first;

	(void)state;
	p = json_object_get(o, "partitions");
	assert_int_equal(json_array_size(p), 1);
	first = json_array_get(p, 0);
	assert_int_equal(json_integer_value(
			     json_object_get(first, "partition")),
	    0);
	assert_true(json_is_null(json_object_get(first, "lag")));
	assert_true(json_is_null(json_object_get(first, "watermark")));
	/* Counters do not forget. */
	assert_int_equal(json_integer_value(
			     json_object_get(json_object_get(o, "counters"),
				 "read")),
	    21);
	json_decref(o);
}

static void
partitions_are_sorted_by_topic_and_number(void **state)
{
	json_t *o, *p;

	(void)state;
	mst.handoff.parts[1].state = FBY_ROW_IDLE;
	mst.handoff.parts[0].partition = 10;
	mst.handoff.parts[fby_handoff_add(&mst.handoff, "events", 3)]
	    .state = FBY_ROW_IDLE;
	o = whole();
	p = json_object_get(o, "partitions");
	assert_int_equal(json_array_size(p), 3);
	assert_string_equal(json_string_value(
				json_object_get(json_array_get(p, 0), "topic")),
	    "events");
	assert_int_equal(json_integer_value(
			     json_object_get(json_array_get(p, 1),
				 "partition")),
	    1);
	assert_int_equal(json_integer_value(
			     json_object_get(json_array_get(p, 2),
				 "partition")),
	    10);
	json_decref(o);
}

static void
the_age_of_what_is_in_flight_is_there_only_with_it(void **state)
{
	struct fby_ledger_row *row = &mst.shm.rows[0];

	(void)state;
	fby_store(&row->oldest_at, fby_clock_wall() - 5000);
	assert_int_equal(fby_status_oldest_age(row), 0);
	fby_store(&row->in_flight, 1);
	assert_in_range(fby_status_oldest_age(row), 5000, 60000);
}

static void
any_bytes_become_text(void **state)
{
	json_t *o = fby_json_text("caf\xe9");

	(void)state;
	assert_string_equal(json_string_value(o), "caf\\xe9");
	json_decref(o);
	o = fby_json_text(NULL);
	assert_true(json_is_null(o));
	json_decref(o);
}

static void
before_there_is_a_ledger_there_is_a_status(void **state)
{
	uint32_t nparts = mst.handoff.nparts;
	struct fby_shm shm = mst.shm;
	json_t *o;

	(void)state;
	mst.shm = (struct fby_shm)FBY_SHM_INIT;
	mst.handoff.nparts = 0;
	unready = "RECOVERING";
	o = whole();
	assert_string_equal(json_string_value(json_object_get(o, "reason")),
	    "RECOVERING");
	assert_true(json_is_null(json_object_get(o, "group_watermark")));
	json_decref(o);
	mst.shm = shm;
	mst.handoff.nparts = nparts;
}

static void
a_foreign_member_is_seen_as_far_as_the_broker_knows(void **state)
{
	json_t *o, *p;

	(void)state;
	fake_foreign_member();
	o = whole();
	p = json_array_get(json_object_get(o, "partitions"), 0);
	assert_int_equal(json_integer_value(json_object_get(p, "lag")), 70);
	assert_int_equal(json_integer_value(json_object_get(p, "high")), 100);
	assert_true(json_is_null(json_object_get(p, "acked")));
	assert_int_equal(json_integer_value(json_object_get(o, "lag")), 160);
	json_decref(o);
	mst.group_view.nparts = 0;
	assert_int_equal(fby_status_total_lag(&mst), FBY_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lag_counts_from_what_the_broker_still_has),
		TEST(a_foreign_member_is_seen_as_far_as_the_broker_knows),
		TEST(a_total_with_an_unknown_part_is_unknown),
		TEST(only_partitions_that_are_ours_are_there),
		TEST(partitions_are_sorted_by_topic_and_number),
		TEST(the_age_of_what_is_in_flight_is_there_only_with_it),
		TEST(any_bytes_become_text),
		TEST(before_there_is_a_ledger_there_is_a_status),
	};

	return UNIT_RUN(tests);
}
