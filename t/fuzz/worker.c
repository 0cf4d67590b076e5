/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's end of a channel: a master that sends anything at all.  The
 * ledger says that row 0 was granted to this worker in epoch 1 and row 1 in
 * epoch 2; row 2 is another's, row 3 names no partition.  See packets.h.
 *
 * There is no Kafka: a lane that is granted never reads a record.  The first
 * byte's 0x80 says that it cannot be attached to a queue.
 */
#include "shared/fby.h"

#include <fcntl.h>

/* What a packet does is behind a static. */
#include "worker/loop.c"
#include "worker/pipeline.h"
#include "t/fuzz/fuzz.h"
#include "t/fuzz/packets.h"

#define ROWS 4

static struct fby_shm shm;
static void *pristine;
static bool is_broken;

/* The log stays where it is: the C library's is not called. */
int
dup2(int from, int to)
{
	FBY_BUG_ON(fcntl(from, F_GETFD) == -1 || to != STDERR_FILENO);
	return to;
}

/* ---- source and pipeline, without records ----------------------------- */

int
fby_source_attach(struct fby_lane *ln, int64_t start)
{
	FBY_BUG_ON(start < 0 || ln->row_no > 1);
	return is_broken ? -1 : 0;
}

void
fby_source_detach(struct fby_lane *ln)
{
	(void)ln;
}

void
fby_source_tick(struct fby_lane *ln, int64_t mono)
{
	(void)ln;
	(void)mono;
}

void
fby_prefetch_balance(struct fby_worker *w)
{
	(void)w;
}

void
fby_sink_tick(struct fby_worker *w, int64_t mono)
{
	(void)w;
	(void)mono;
}

void
fby_stages_tick(struct fby_worker *w, int64_t mono)
{
	(void)w;
	(void)mono;
}

void
fby_sink_group(struct fby_worker *w, const struct fby_msg_group *msg)
{
	(void)w;
	(void)msg;
}

void
fby_pipeline_lane_init(struct fby_lane *ln)
{
	(void)ln;
}

void
fby_pipeline_stop(struct fby_lane *ln)
{
	(void)ln;
}

void
fby_pipeline_forget(struct fby_lane *ln)
{
	(void)ln;
}

/* ---- a run ------------------------------------------------------------ */

/* As fby_loop_init() does, but for the descriptor. */
static void
start(struct fby_worker *w, struct event_base *base, int fd)
{
	memcpy(shm.head, pristine, shm.size);
	w->base = base;
	w->shm = shm;
	w->ident = "fuzz";
	w->slot = &shm.slots[0];
	TAILQ_INIT(&w->lanes);
	event_assign(&w->ev_beat, base, -1, EV_PERSIST, on_beat, w);
	event_assign(&w->ev_step, base, -1, EV_PERSIST, on_step, w);
	evtimer_assign(&w->ev_closed, base, on_closed, w);
	w->failures.ch = &w->ch;
	fby_channel_init(&w->ch, base, fd, on_msg, on_channel_closed, w);
}

/* The rows of others are not ours to write. */
static void
check_rows(void)
{
	const struct fby_shm was = {
		.head = pristine,
		.rows = (void *)((char *)pristine + shm.head->rows_off),
	};

	FBY_BUG_ON(
	    memcmp(was.rows + 2, shm.rows + 2, 2 * sizeof(*shm.rows)) != 0);
	for (int i = 0; i < 2; i++)
		FBY_BUG_ON(fby_load(&shm.rows[i].epoch) != (uint64_t)i + 1);
}

static struct event_base *
new_base(void)
{
	struct event_base *base = event_base_new();

	FBY_BUG_ON(base == NULL);
	event_base_priority_init(base, FBY_PRIORITY_N);
	return base;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base;
	struct fby_manifest m = { .host.drain_timeout_ms = 1000,
		.host.log_level = FBY_LOG_CRIT };
	struct fby_worker w = { .m = &m, .exit_code = -1 };
	int fds[2], free_fd;

	if (base == NULL)
		base = new_base();
	is_broken = size > 0 && data[0] & 0x80;
	FBY_BUG_ON(fby_channel_pair(fds) == -1);
	free_fd = next_fd(0);
	start(&w, base, fds[0]);
	packets_send(fds[1], base, data, size);
	FBY_BUG_ON(fby_channel_is_open(&w.ch));
	event_base_loop(base, EVLOOP_NONBLOCK);
	/* Either all is given back, or a packet broke the rules. */
	FBY_BUG_ON(w.exit_code != FBY_EXIT_OK && w.exit_code != FBY_EXIT_PROTO);
	fby_grant_drain_all(&w, 0, "the run is over");
	FBY_BUG_ON(!TAILQ_EMPTY(&w.lanes) || w.nlanes != 0);
	check_rows();
	event_del(&w.ev_beat);
	event_del(&w.ev_step);
	event_del(&w.ev_closed);
	FBY_BUG_ON(next_fd(2) != free_fd);
	return 0;
}

static void
fill_row(int32_t partition, uint32_t slot, uint64_t epoch)
{
	uint32_t n = fby_shm_row(&shm, "orders", partition);

	fby_store(&shm.rows[n].slot, slot);
	fby_store(&shm.rows[n].epoch, epoch);
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
	    unlink(name) == -1)
		abort();
	fill_row(0, 0, 1);
	fill_row(1, 0, 2);
	fill_row(2, 1, 3);
	pristine = fby_malloc(shm.size);
	memcpy(pristine, shm.head, shm.size);
	return 0;
}
