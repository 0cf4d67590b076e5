/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's end of a channel: a worker that sends anything at all.  It
 * holds row 0 in epoch 1 and row 1 in epoch 2; row 2 is another worker's, and
 * row 3 is nobody's.  See packets.h; in the first byte 0x80 says that row 1 is
 * revoked, 0x40 that it is lost.
 */
#include "shared/fby.h"

#include <limits.h>

/* What a packet does is behind a static; its process is not started here. */
#include "master/handoff/plan.h"
#include "master/pool/proc.c"
#include "shared/base/mem.h"
#include "t/fuzz/fuzz.h"
#include "t/fuzz/packets.h"

#define ROWS 4

static struct fby_context ctx;
static struct fby_shm shm;
static struct fby_handoff handoff;
static struct fby_failures failures;
static struct fby_manifest manifest;
static void *pristine;
static bool is_killed;

/* No process is to die of a fuzzed number: the C library's is not called. */
int
kill(pid_t pid, int sig)
{
	FBY_BUG_ON(pid != INT_MAX || sig != SIGKILL);
	is_killed = true;
	return 0;
}

static void
on_ready(void *arg, struct fby_proc *pr)
{
	(void)arg;
	(void)pr;
}

static void
on_released(void *arg)
{
	(void)arg;
}

/* ---- a hand-over that remembers nothing ------------------------------- */

static void
op_grant(void *arg, const struct fby_part *pt)
{
	(void)arg;
	(void)pt;
}

static void
op_revoke(void *arg, struct fby_part *pt, int64_t drain_ms)
{
	(void)arg;
	(void)pt;
	(void)drain_ms;
}

static void
op_resolve(void *arg, bool soon)
{
	(void)arg;
	(void)soon;
}

static void
op_nothing(void *arg)
{
	(void)arg;
}

static void
op_skipped(void *arg, const struct fby_part *pt, int64_t offset, bool done)
{
	(void)arg;
	(void)pt;
	(void)offset;
	(void)done;
}

static void
op_unfinished(void *arg, const struct fby_part *pt, uint64_t nrecords)
{
	(void)arg;
	(void)pt;
	(void)nrecords;
}

static const struct fby_handoff_ops ops = {
	.grant = op_grant,
	.revoke = op_revoke,
	.resolve = op_resolve,
	.commit = op_nothing,
	.left = op_nothing,
	.plan = op_nothing,
	.alarm = op_nothing,
	.skipped = op_skipped,
	.unfinished = op_unfinished,
};

/* Rows 0 and 1 in slot 0, row 2 in slot 1: the plan balances them so. */
static void
hand_out(struct fby_handoff *h)
{
	const uint32_t slots[] = { 0, 1 };
	const bool ready[] = { true, true };
	struct fby_handoff_plan pl = {
		.slots = slots,
		.ready = ready,
	};

	memcpy(shm.head, pristine, shm.size);
	fby_handoff_init(h, &shm, &ops, NULL);
	for (int32_t i = 0; i < 3; i++) {
		FBY_BUG_ON(fby_handoff_assign(h, "orders", i) == -1);
		fby_handoff_resolved(h, &h->parts[i], 10, FBY_NONE);
		pl.nslots = 1 + (i == 2);
		fby_plan_make(h, &pl);
	}
}

/* ---- a run ------------------------------------------------------------ */

static void
check_parts(const struct fby_handoff *h, const struct fby_part *before)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		const struct fby_part *pt = &h->parts[i], *was = &before[i];

		FBY_BUG_ON(pt->state >= FBY_ROW_NSTATES);
		FBY_BUG_ON(pt->epoch != was->epoch);
		/* Only the holder can change anything. */
		if (was->state == FBY_ROW_FREE || was->slot != 0)
			FBY_BUG_ON(pt->state != was->state);
	}
}

static const struct fby_proc_env env = {
	.ctx = &ctx,
	.shm = &shm,
	.handoff = &handoff,
	.failures = &failures,
};

static const struct fby_proc_ops proc_ops = {
	.ready = on_ready,
	.released = on_released,
	.reopened = on_released,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fby_handoff *h = &handoff;
	struct fby_part before[ROWS];
	const int free_fd = next_fd(2);
	struct fby_proc pr;
	int fds[2];

	is_killed = false;
	hand_out(h);
	if (size > 0 && data[0] & 0x80)
		fby_handoff_revoke(h, "orders", 1, data[0] & 0x40, 1000);
	memcpy(before, h->parts, sizeof(before));
	fby_proc_init(&pr, 0, &env, &proc_ops, NULL);
	pr.pid = INT_MAX;
	pr.state = FBY_PROC_READY;
	FBY_BUG_ON(fby_channel_pair(fds) == -1);
	fby_channel_init(&pr.ch, ctx.base, fds[0], on_msg, on_closed, &pr);
	packets_send(fds[1], ctx.base, data, size);
	FBY_BUG_ON(fby_channel_is_open(&pr.ch) || !is_killed);
	check_parts(h, before);
	pr.pid = 0;
	fby_proc_fini(&pr);
	fby_handoff_fini(h);
	fby_failure_fini(&failures);
	FBY_BUG_ON(next_fd(2) != free_fd);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char name[] = "/tmp/fby-fuzz-XXXXXX";
	int fd = mkstemp(name);

	(void)argc;
	(void)argv;
	fuzz_quiet();
	if (fd == -1 || close(fd) == -1 ||
	    fby_shm_create(&shm, name, 2, ROWS, "demo", "g") == -1 ||
	    unlink(name) == -1 || (ctx.base = event_base_new()) == NULL)
		abort();
	pristine = fby_malloc(shm.size);
	memcpy(pristine, shm.head, shm.size);
	ctx.manifest = &manifest;
	return 0;
}
