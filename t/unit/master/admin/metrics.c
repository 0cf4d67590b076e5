/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/admin/metrics.h"
#include "shared/base/clock.h"
#include "shared/base/str.h"
#include "shared/boundary/hist.h"
#include "t/unit/master/fake_master.h"

static struct fby_str text;

static const char *
scrape(void)
{
	struct fby_metrics_text *t = fby_metrics_begin(&mst);

	fby_str_reset(&text);
	while (fby_metrics_next(t, &text))
		;
	fby_metrics_end(t);
	return text.p;
}

/* A line of its own; `line` has no newline. */
static bool
has(const char *line)
{
	size_t len = strlen(line);

	for (const char *p = scrape(); (p = strstr(p, line)) != NULL; p++)
		if ((p == text.p || p[-1] == '\n') && p[len] == '\n')
			return true;
	return false;
}

static bool
mentions(const char *what)
{
	return strstr(scrape(), what) != NULL;
}

static void
gauges_go_and_counters_stay_when_a_partition_goes(void **state)
{
	(void)state;
	assert_true(has("forebay_partition_read_total{topic=\"orders\","
			"partition=\"0\"} 10"));
	assert_true(has("forebay_partition_state{topic=\"orders\","
			"partition=\"0\",forebay_partition_state=\"HELD\"} 1"));
	assert_false(mentions("topic=\"orders\",partition=\"1\""));
	assert_true(has("monovtx_read_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\",source_partition=\"1\"} 11"));
}

static void
what_is_not_known_has_no_sample(void **state)
{
	(void)state;
	assert_false(mentions("\nforebay_partition_lag{"));
	assert_true(has("monovtx_pending_raw{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} -1"));
	fby_store(&mst.shm.rows[0].high, 7);
	fake_master_tick(fby_clock_mono());
	assert_true(has("forebay_partition_lag{topic=\"orders\","
			"partition=\"0\"} 7"));
	assert_true(has("monovtx_pending_raw{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 7"));
}

static void
slots_are_summed(void **state)
{
	(void)state;
	fby_store(&mst.shm.slots[0].acked, 5);
	fby_store(&mst.shm.slots[1].acked, 6);
	fby_hist_add(&mst.shm.slots[0].hist[FBY_HIST_SINK], 50);
	fby_hist_add(&mst.shm.slots[1].hist[FBY_HIST_SINK], 5000);
	assert_true(has("monovtx_ack_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 11"));
	assert_true(has("monovtx_sink_time_bucket{mvtx_name=\"demo\","
			"mvtx_replica=\"0\",le=\"100.0\"} 1"));
	assert_true(has("monovtx_sink_time_count{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 2"));
	assert_true(has("monovtx_sink_time_sum{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 5050"));
	assert_true(has("monovtx_ack_time_count{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 0"));
}

/* Of the role that a metric's name says, and of no other. */
static void
of_functions_too(void **state)
{
	struct fby_ledger_function *map = &mst.shm.slots[1]
					       .function[FBY_FUNCTION_MAP];

	(void)state;
	for (int role = 0; role < FBY_FUNCTION_N; role++)
		fby_store(&mst.shm.slots[0].function[role].drops, 10 + role);
	fby_store(&map->drops, 100);
	fby_store(&map->errors, 3);
	fby_store(&map->lost, 4);
	fby_hist_add(&map->answer, 5000);
	fby_store(&mst.shm.slots[1].spawns, 1);
	fby_store(&mst.shm.slots[1].outputs, 9);
	fby_store(&mst.shm.slots[1].nacks, 2);
	assert_true(has("monovtx_transformer_dropped_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 10"));
	assert_true(has("monovtx_udf_drop_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 111"));
	assert_true(has("monovtx_udf_error_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 7"));
	assert_true(has("monovtx_udf_time_sum{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 5000"));
	assert_true(has("monovtx_transformer_time_count{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 0"));
	assert_true(has("monovtx_nack_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 2"));
	assert_true(has("forebay_worker_outputs_total{worker=\"1\"} 9"));
}

/* A worker's connection to a map of that SDK. */
static void
connect_map(uint32_t slot, const char *language)
{
	struct fby_ledger_slot *sl = &mst.shm.slots[slot];
	struct fby_ledger_function *f = &sl->function[FBY_FUNCTION_MAP];

	fby_store(&sl->pid, 77);
	fby_store(&f->instance, slot);
	fby_store(&f->state, FBY_CONN_READY);
	snprintf(f->language, sizeof(f->language), "%s", language);
	snprintf(f->version, sizeof(f->version), "0.14.0");
}

static void
instances_of_one_sdk_are_one_sample(void **state)
{
	const char *first;

	(void)state;
	manifest.runtime = "c";
	manifest.functions[FBY_FUNCTION_MAP].present = true;
	manifest.functions[FBY_FUNCTION_MAP].instances = 2;
	assert_false(mentions("\nsdk_info{"));
	connect_map(0, "python");
	connect_map(1, "python");
	assert_true(has("sdk_info{component=\"mono-vertex\","
			"component_name=\"demo\",language=\"python\","
			"version=\"0.14.0\",type=\"mapper\"} 1"));
	first = strstr(text.p, "\nsdk_info{");
	assert_null(strstr(first + 1, "\nsdk_info{"));
	connect_map(1, "go");
	assert_true(has("sdk_info{component=\"mono-vertex\","
			"component_name=\"demo\",language=\"go\","
			"version=\"0.14.0\",type=\"mapper\"} 1"));
	connect_map(1, "\xff");
	assert_true(mentions("language=\"\\\\xff\""));
	fby_store(&mst.shm.slots[0].pid, 0);
	fby_store(&mst.shm.slots[1].pid, 0);
	assert_false(mentions("\nsdk_info{"));
	manifest.functions[FBY_FUNCTION_MAP].present = false;
}

static void
a_dead_worker_keeps_its_counters_only(void **state)
{
	struct fby_ledger_slot *sl = &mst.shm.slots[1];

	(void)state;
	fby_store(&sl->spawns, 1);
	fby_store(&sl->pid, 77);
	fby_store(&sl->rss_bytes, 4096);
	fby_store(&sl->cpu_us, 1500000);
	assert_true(has("forebay_worker_resident_memory_bytes{worker=\"1\"} "
			"4096"));
	fby_store(&sl->pid, 0);
	assert_false(mentions("forebay_worker_resident_memory_bytes{"));
	assert_false(mentions("forebay_worker_arena_bytes{"));
	assert_true(has("forebay_worker_cpu_seconds_total{worker=\"1\"} "
			"1.5"));
}

static void
it_ends_as_it_must_even_without_a_ledger(void **state)
{
	uint32_t nparts = mst.handoff.nparts;
	struct fby_shm shm = mst.shm;

	(void)state;
	assert_string_equal(scrape() + text.len - 6, "# EOF\n");
	mst.shm = (struct fby_shm)FBY_SHM_INIT;
	mst.handoff.nparts = 0;
	assert_string_equal(scrape() + text.len - 6, "# EOF\n");
	mst.shm = shm;
	mst.handoff.nparts = nparts;
}

static void
of_a_foreign_member_is_said_what_the_broker_knows(void **state)
{
	(void)state;
	fake_foreign_member();
	assert_true(has("forebay_partition_lag{topic=\"orders\","
			"partition=\"0\"} 70"));
	assert_true(has("forebay_partition_lag{topic=\"orders\","
			"partition=\"1\"} 90"));
	assert_true(has("forebay_partition_committed{topic=\"orders\","
			"partition=\"0\"} 30"));
	assert_true(has("forebay_lag 160"));
	assert_true(has("monovtx_pending_raw{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 160"));
	assert_false(mentions("\nforebay_partition_committed{topic=\"orders\","
			      "partition=\"1\""));
	assert_false(mentions("\nforebay_partition_position{"));
	assert_false(mentions("\nforebay_partition_read_total{"));
	mst.group_view.parts[1].end = FBY_NONE;
	assert_true(has("monovtx_pending_raw{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} -1"));
}

/* Partition 1 was ours once; 7 never was. */
static void
what_another_runtime_has_counted_is_added(void **state)
{
	static const char there[] =
	    "monovtx_read_total{mvtx_replica=\"0\",source_partition=\"1\"} 4\n"
	    "monovtx_read_total{mvtx_replica=\"1\",source_partition=\"7\"} 2\n"
	    "monovtx_read_total{mvtx_replica=\"0\",source_partition=\"7\"} 3\n"
	    "monovtx_ack_total{mvtx_replica=\"0\"} 5\n# EOF\n";
	struct fby_totals *t = &mst.scrape.totals;

	(void)state;
	assert_int_equal(fby_totals_take(t, there, sizeof(there) - 1), 0);
	fby_store(&mst.shm.slots[0].acked, 6);
	assert_true(has("monovtx_ack_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\"} 11"));
	assert_true(has("monovtx_read_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\",source_partition=\"1\"} 15"));
	assert_true(has("monovtx_read_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\",source_partition=\"7\"} 5"));
	assert_true(has("monovtx_read_total{mvtx_name=\"demo\","
			"mvtx_replica=\"0\",source_partition=\"0\"} 10"));
	fby_totals_fini(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gauges_go_and_counters_stay_when_a_partition_goes),
		TEST(what_is_not_known_has_no_sample),
		TEST(slots_are_summed),
		TEST(of_functions_too),
		TEST(instances_of_one_sdk_are_one_sample),
		TEST(a_dead_worker_keeps_its_counters_only),
		TEST(of_a_foreign_member_is_said_what_the_broker_knows),
		TEST(what_another_runtime_has_counted_is_added),
		TEST(it_ends_as_it_must_even_without_a_ledger),
	};
	int rc;

	fby_str_init(&text);
	rc = UNIT_RUN(tests);
	fby_str_fini(&text);
	return rc;
}
