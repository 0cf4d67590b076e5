/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/boundary/shm.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];
static struct fby_shm shm;

static int
setup(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/forebay-shm-XXXXXX");
	if ((fd = mkstemp(path)) == -1)
		return -1;
	close(fd);
	shm = (struct fby_shm)FBY_SHM_INIT;
	return fby_shm_create(&shm, path, 2, 3, "orders", "group");
}

static int
teardown(void **state)
{
	(void)state;
	fby_shm_close(&shm);
	unlink(path);
	return 0;
}

static enum fby_shm_verdict
look(void)
{
	struct fby_shm other;
	enum fby_shm_verdict v = fby_shm_open(&other, path);

	fby_shm_close(&other);
	return v;
}

static void
a_new_ledger_is_good_and_knows_whose_it_is(void **state)
{
	struct fby_shm other;

	(void)state;
	assert_int_equal(fby_shm_open(&other, path), FBY_SHM_GOOD);
	assert_string_equal(fby_shm_name(&other, other.head->name_off),
	    "orders");
	assert_string_equal(fby_shm_name(&other, other.head->group_off),
	    "group");
	fby_shm_close(&other);
}

static void
a_row_is_found_again_and_the_table_can_be_full(void **state)
{
	uint32_t a = fby_shm_row(&shm, "t", 0), b = fby_shm_row(&shm, "u", 0);

	(void)state;
	assert_int_not_equal(a, b);
	assert_int_equal(fby_shm_row(&shm, "t", 0), a);
	assert_int_equal(fby_shm_find(&shm, "u", 0), b);
	assert_int_equal(fby_shm_find(&shm, "u", 1), FBY_NOROW);
	assert_int_not_equal(fby_shm_row(&shm, "u", 1), FBY_NOROW);
	assert_int_equal(fby_shm_row(&shm, "u", 2), FBY_NOROW);
}

static void
each_row_can_have_a_long_name_and_costs_nothing_before(void **state)
{
	enum { ROWS = 9000 };
	char topic[250];
	struct stat st;
	off_t before;

	(void)state;
	fby_shm_close(&shm);
	assert_int_equal(fby_shm_create(&shm, path, 2, ROWS, "o", "g"), 0);
	assert_int_equal(fstat(shm.fd, &st), 0);
	before = (off_t)st.st_blocks * 512;
	assert_true(before < st.st_size / 2);
	for (int i = 0; i < ROWS; i++) {
		uint32_t off;

		snprintf(topic, sizeof(topic), "%0249d", i);
		off = fby_shm_add_name(&shm, topic);
		assert_int_not_equal(off, 0);
		assert_int_equal(fby_shm_make_row(&shm, (uint32_t)i, off, 0),
		    0);
	}
	/* All that was touched had been allocated. */
	assert_int_equal(fstat(shm.fd, &st), 0);
	assert_true((off_t)st.st_blocks * 512 > before);
	assert_int_equal(fby_shm_find(&shm, topic, 0), ROWS - 1);
	assert_int_equal(look(), FBY_SHM_GOOD);
}

static void
names_out_of_bounds_are_empty(void **state)
{
	(void)state;
	assert_string_equal(fby_shm_name(&shm, UINT32_MAX), "");
	assert_string_equal(fby_shm_name(&shm, fby_load(&shm.head->names_used)),
	    "");
}

static void
every_truncation_and_damage_of_the_head_is_recognised(void **state)
{
	struct fby_ledger_head head = *shm.head;

	(void)state;
	shm.head->magic ^= 1;
	assert_int_equal(look(), FBY_SHM_MAGIC);
	shm.head->magic ^= 1;
	shm.head->abi++;
	assert_int_equal(look(), FBY_SHM_ABI);
	shm.head->abi--;
	shm.head->nrows++;
	assert_int_equal(look(), FBY_SHM_BROKEN);
	shm.head->nrows = head.nrows;
	shm.head->slots_off += 64;
	assert_int_equal(look(), FBY_SHM_BROKEN);
	shm.head->slots_off = head.slots_off;
	fby_store(&shm.head->names_used, UINT32_MAX);
	assert_int_equal(look(), FBY_SHM_BROKEN);
	fby_store(&shm.head->names_used, 1);
	assert_int_equal(look(), FBY_SHM_GOOD);
	assert_int_equal(truncate(path, (off_t)head.size - 1), 0);
	assert_int_equal(look(), FBY_SHM_SHORT);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(look(), FBY_SHM_SHORT);
}

/* The drawing in shared/README says where things are. */
static void
the_layout_is_the_one_that_is_drawn(void **state)
{
	(void)state;
#define AT(type, field, where) \
	assert_int_equal(offsetof(struct fby_ledger_##type, field), where)
	AT(head, magic, 0);
	AT(head, abi, 4);
	AT(head, head_size, 6);
	AT(head, size, 8);
	AT(head, nslots, 16);
	AT(head, nrows, 20);
	AT(head, slots_off, 24);
	AT(head, rows_off, 28);
	AT(head, names_off, 32);
	AT(head, names_size, 36);
	AT(head, name_off, 40);
	AT(head, group_off, 44);
	AT(head, names_used, 48);
	AT(head, master_pid, 52);
	AT(head, epoch, 56);
	AT(row, epoch, 0);
	AT(row, slot, 8);
	AT(row, state, 12);
	AT(row, topic_off, 16);
	AT(row, partition, 20);
	AT(row, committed, 24);
	AT(row, committed_watermark, 32);
	AT(row, log_start, 40);
	AT(row, topic_id, 48);
	AT(row, partitions, 56);
	AT(row, acked, 64);
	AT(row, watermark, 72);
	AT(row, position, 80);
	AT(row, high, 88);
	AT(row, in_flight, 96);
	AT(row, oldest_at, 104);
	AT(row, read, 112);
	AT(row, read_bytes, 120);
	AT(row, delivered, 128);
	AT(row, dropped, 136);
	AT(row, late, 144);
	AT(row, stale, 152);
	AT(row, flags, 160);
	AT(row, fallback, 168);
	AT(row, dead_lettered, 176);
	AT(row, returned, 184);
	AT(row, error_at, 192);
	AT(row, error, 200);
	AT(row, error_role, 204);
	AT(row, leader_epoch, 208);
	AT(row, future, 216);
	AT(slot, pid, 0);
	AT(slot, cpu, 4);
	AT(slot, generation, 8);
	AT(slot, spawns, 12);
	AT(slot, spawned_at, 16);
	AT(slot, heartbeat, 64);
	AT(slot, state, 72);
	AT(slot, activity, 76);
	AT(slot, activity_row, 80);
	AT(slot, lanes, 84);
	AT(slot, activity_offset, 88);
	AT(slot, in_flight, 96);
	AT(slot, in_flight_bytes, 104);
	AT(slot, survived, 112);
	AT(slot, log_lost, 120);
	AT(slot, log_error, 124);
	AT(slot, read, 128);
	AT(slot, read_bytes, 136);
	AT(slot, acked, 144);
	AT(slot, sink_writes, 152);
	AT(slot, sink_errors, 160);
	AT(slot, sink_drops, 168);
	AT(slot, rss_bytes, 176);
	AT(slot, cpu_us, 184);
	AT(slot, arena_bytes, 192);
	AT(slot, batches, 224);
	AT(slot, hist, 256);
	AT(slot, function, 832);
	AT(slot, outputs, 2752);
	AT(slot, nacks, 2760);
	AT(function, state, 0);
	AT(function, instance, 4);
	AT(function, since, 8);
	AT(function, calls, 16);
	AT(function, answers, 24);
	AT(function, errors, 32);
	AT(function, connects, 40);
	AT(function, failures, 48);
	AT(function, in_flight, 56);
	AT(function, language, 64);
	AT(function, version, 80);
	AT(function, why, 112);
	AT(function, answer, 256);
	AT(function, drops, 352);
	AT(function, lost, 360);
}

static void
an_offset_and_its_watermark_never_tear_across_processes(void **state)
{
	struct fby_ledger_row *row = &shm.rows[0];
	int64_t last = 0;
	pid_t pid;
	int status;

	(void)state;
	fby_store(&row->watermark, 0);
	fby_store(&row->acked, 0);
	if ((pid = fork()) == 0) {
		for (int64_t i = 1; i <= 2000000; i++) {
			fby_store(&row->watermark, i * 10);
			fby_release(&row->acked, i);
		}
		_exit(0);
	}
	while (last < 2000000) {
		int64_t acked = fby_acquire(&row->acked);

		/* What was true when it was acked is visible with it. */
		assert_true(fby_load(&row->watermark) >= acked * 10);
		assert_true(acked >= last);
		last = acked;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_ledger_is_good_and_knows_whose_it_is),
		TEST(a_row_is_found_again_and_the_table_can_be_full),
		TEST(each_row_can_have_a_long_name_and_costs_nothing_before),
		TEST(names_out_of_bounds_are_empty),
		TEST(every_truncation_and_damage_of_the_head_is_recognised),
		TEST(the_layout_is_the_one_that_is_drawn),
		TEST(an_offset_and_its_watermark_never_tear_across_processes),
	};

	return UNIT_RUN(tests);
}
