/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row as it is seen from another process while its holder publishes it.
 */
#include "t/unit/unit.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/boundary/ledger.h"

#include "worker/lane.h"

#define TURNS 1000000

static void
publish(struct fby_ledger_row *row)
{
	struct fby_lane ln = { .row = row };

	for (int64_t i = 1; i <= TURNS; i++) {
		fby_bump(&row->read, 1);
		ln.acks.position = i;
		ln.delivered = 1;
		ln.acks.acked = i;
		fby_lane_publish(&ln);
	}
}

static void
no_position_is_beyond_the_end_and_no_record_done_before_it_is_read(void **state)
{
	struct fby_ledger_row *row = mmap(NULL, sizeof(*row),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t acked = 0;
	int status;
	pid_t pid;

	(void)state;
	assert_ptr_not_equal(row, MAP_FAILED);
	if ((pid = fork()) == 0) {
		publish(row);
		_exit(0);
	}
	while (acked < TURNS) {
		int64_t position = fby_acquire(&row->position);
		int64_t high = fby_load(&row->high);
		uint64_t delivered = fby_acquire(&row->delivered);
		uint64_t read = fby_load(&row->read);

		assert_true(position <= high);
		assert_true(delivered <= read);
		acked = fby_acquire(&row->acked);
		assert_true(acked <= fby_load(&row->high));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap(row, sizeof(*row));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    no_position_is_beyond_the_end_and_no_record_done_before_it_is_read),
	};

	return UNIT_RUN(tests);
}
