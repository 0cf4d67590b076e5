/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for the ledger of the master before.
 */
#include "t/unit/unit.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/base/context.h"
#include "master/group/ledger_lock.h"
#include "master/group/recover.h"
#include "master/handoff/handoff.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

static struct fby_context ctx;
static struct fby_shm shm;
static struct fby_recover recover;
static struct fby_manifest manifest;
static int run_dir;
static char dir[64], path[80];
static int holder; /* of the lock, by a description of its own */
static size_t recovered;

/* ---- what it calls ---------------------------------------------------- */

static void
on_done(void *arg, bool ok)
{
	(void)arg;
	assert_true(ok);
	recovered++;
}

/* It cannot be seen. */
size_t
fby_ledger_lock_holders(int fd, fby_ledger_lock_fn fn, void *arg)
{
	(void)fd;
	(void)fn;
	(void)arg;
	return 0;
}

uint32_t
fby_handoff_add(struct fby_handoff *h, const char *topic, int32_t partition)
{
	(void)h;
	(void)topic;
	(void)partition;
	return FBY_NOROW;
}

uint32_t
fby_handoff_find(const struct fby_handoff *h, const char *topic,
    int32_t partition)
{
	(void)h;
	(void)topic;
	(void)partition;
	return FBY_NOROW;
}

struct fby_ledger_row *
fby_handoff_row(const struct fby_handoff *h, const struct fby_part *pt)
{
	(void)h;
	(void)pt;
	return NULL;
}

/* ---- tests ------------------------------------------------------------ */

static int
set_up(void **state)
{
	(void)state;
	fby_log_set_level(FBY_LOG_CRIT);
	memset(&ctx, 0, sizeof(ctx));
	manifest.name = "demo";
	manifest.source.group = "g";
	manifest.host.drain_timeout_ms = 0;
	ctx.manifest = &manifest;
	ctx.base = event_base_new();
	recovered = 0;
	snprintf(dir, sizeof(dir), "/tmp/fby-recover-%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/ledger", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	ctx.run_dir = dir;
	run_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	shm = (struct fby_shm)FBY_SHM_INIT;
	assert_int_equal(fby_shm_create(&shm, path, 2, 4, "demo", "g"), 0);
	holder = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(holder, LOCK_EX), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fby_recover_fini(&recover);
	fby_shm_close(&shm);
	close(holder);
	close(run_dir);
	unlink(path);
	event_base_free(ctx.base);
	return rmdir(dir);
}

static void
a_ledger_in_use_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(fby_recover_start(&recover, &ctx, run_dir, on_done,
			     NULL),
	    0);
	for (int i = 0; i < 3; i++)
		event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_int_equal(recovered, 0);
	flock(holder, LOCK_UN);
	event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_int_equal(recovered, 1);
}

static void
it_is_not_waited_for_without_end(void **state)
{
	(void)state;
	assert_int_equal(fby_recover_start(&recover, &ctx, run_dir, on_done,
			     NULL),
	    0);
	event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_int_equal(recovered, 0);
	recover.give_up_at = fby_clock_mono();
	event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_int_equal(recovered, 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ledger_in_use_is_waited_for),
		TEST(it_is_not_waited_for_without_end),
	};

	return UNIT_RUN(tests);
}
