/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A master with a ledger in a temporary file and none of its modules running,
 * for what only looks at one; and what those would link to.
 */
#ifndef FBY_UNIT_FAKE_MASTER_H
#define FBY_UNIT_FAKE_MASTER_H

#include "t/unit/unit.h"

#include <unistd.h>

#include "master/master.h"
#include "master/ready.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

static struct fby_master mst;
static struct fby_manifest manifest;
static const char *unready;

const char *
fby_group_state_name(enum fby_group_state state)
{
	(void)state;
	return "member";
}

const char *
fby_proc_state_name(enum fby_proc_state state)
{
	(void)state;
	return "READY";
}

const char *
fby_ready_why_not(const struct fby_master *m)
{
	(void)m;
	return unready;
}

size_t
fby_supervisor_alive(const struct fby_supervisor *sup)
{
	(void)sup;
	return 1;
}

/* Partitions 0 and 1 of `orders`: ours, and given back. */
FBY_UNUSED static int
fake_master(void **state)
{
	char path[64];

	(void)state;
	memset(&mst, 0, sizeof(mst));
	unready = NULL;
	manifest.name = "demo";
	manifest.namespace_ = "default";
	manifest.source.group = "g";
	manifest.read_batch_size = 500;
	mst.ctx.manifest = &manifest;
	mst.ctx.state = FBY_CYCLE_RUNNING;
	mst.group.state = FBY_GROUP_STEADY;
	mst.group.epoch = 4;
	snprintf(path, sizeof(path), "/tmp/fby-unit-%d", (int)getpid());
	if (fby_shm_create(&mst.shm, path, 2, 4, "demo", "g") == -1)
		return -1;
	unlink(path);
	fby_handoff_init(&mst.handoff, &mst.shm, NULL, NULL);
	for (int32_t i = 0; i < 2; i++) {
		uint32_t row = fby_handoff_add(&mst.handoff, "orders", i);

		mst.handoff.parts[row].state = i == 0 ? FBY_ROW_HELD :
							FBY_ROW_FREE;
		mst.handoff.parts[row].slot = 0;
		fby_store(&mst.shm.rows[row].read, 10 + (uint64_t)i);
	}
	fby_ends_init(&mst.ends, &mst.handoff, &mst.group);
	fby_progress_init(&mst.progress, &mst.ctx, &mst.handoff, &mst.ends,
	    &mst.failures);
	return 0;
}

/* The ends of logs are heard of. */
FBY_UNUSED static void
fake_master_tick(int64_t now)
{
	fby_ends_tick(&mst.ends, now);
	fby_progress_tick(&mst.progress, now);
}

FBY_UNUSED static int
fake_master_gone(void **state)
{
	(void)state;
	fby_progress_fini(&mst.progress);
	fby_ends_fini(&mst.ends);
	fby_failure_fini(&mst.failures);
	fby_alarm_fini(&mst.ctx.alarms);
	fby_handoff_fini(&mst.handoff);
	fby_shm_close(&mst.shm);
	return 0;
}

/* A member of the group that is not ours: two partitions of `orders`. */
FBY_UNUSED static void
fake_foreign_member(void)
{
	static char topic[] = "orders", client[] = "";
	static struct fby_group_view_part parts[2];

	for (int i = 0; i < 2; i++)
		parts[i] = (struct fby_group_view_part){
			.topic = topic,
			.partition = i,
			.committed = i == 0 ? 30 : FBY_NONE,
			.watermark = FBY_NONE,
			.first = 10,
			.end = 100,
		};
	for (uint32_t i = 0; i < mst.handoff.nparts; i++)
		mst.handoff.parts[i].state = FBY_ROW_FREE;
	mst.group.state = FBY_GROUP_CLOSED;
	mst.group_view.rk = (void *)client;
	mst.group_view.parts = parts;
	mst.group_view.nparts = 2;
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fake_master, fake_master_gone)

#endif
