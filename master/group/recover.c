/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master before had left; see recover.h.
 */
#include "shared/fby.h"

#include "master/group/recover.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/boundary/shm.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/base/order.h"
#include "master/group/ledger_lock.h"
#include "master/handoff/handoff.h"

#define WAIT_MS 20
#define SAY_MS 500 /* most are gone sooner */
#define AGAIN_MS 1000
#define GIVE_UP_MS 30000 /* after SIGKILL */

/* Out of the way, but kept for whoever wants to look. */
static void
put_aside(const struct fby_recover *r, const char *why)
{
	const char *path = r->ctx->run_dir;

	if (renameat(r->dir, "ledger", r->dir, "ledger.refused") == -1)
		fby_error("%s/ledger: %s; and rename to ledger.refused: %s",
		    path, why, strerror(errno));
	else
		fby_error("%s/ledger: %s; not used, moved to %s/ledger.refused",
		    path, why, path);
}

/*
 * Could this have been written by us?  If not the broker's offset stands, and
 * some records are repeated; the other way round they would be lost.
 */
static bool
is_credible(const struct fby_recover_item *item, int64_t high)
{
	return item->partition >= 0 && item->committed >= FBY_NONE &&
	    item->acked >= 0 && item->acked <= high &&
	    item->watermark >= FBY_NONE;
}

static int
by_partition(const void *va, const void *vb)
{
	const struct fby_recover_item *a = va, *b = vb;

	return fby_order(a->topic, a->partition, b->topic, b->partition);
}

static void
take_row(struct fby_recover *r, const struct fby_shm *shm,
    const struct fby_ledger_row *row)
{
	struct fby_recover_item item = {
		.partition = row->partition,
		.acked = fby_acquire(&row->acked),
		.committed = fby_load(&row->committed),
		.watermark = fby_load(&row->watermark),
		.topic_id = fby_load(&row->topic_id),
		.epoch = fby_load(&row->leader_epoch),
	};
	const char *topic = fby_shm_name(shm, row->topic_off);
	uint32_t state = fby_load(&row->state);

	/* A partition given back is no news. */
	if (*topic == '\0' || state == FBY_ROW_FREE ||
	    state >= FBY_ROW_NSTATES || item.acked <= item.committed ||
	    !is_credible(&item, fby_load(&row->high)))
		return;
	item.topic = fby_strdup(topic);
	r->items = fby_realloc(r->items, (r->nitems + 1) * sizeof(*r->items));
	r->items[r->nitems++] = item;
}

/*
 * It could not be looked at, which says nothing of what is in it: ENODEV alone
 * is about the file.
 */
static bool
is_out_of_reach(enum fby_shm_verdict v)
{
	return v == FBY_SHM_ERRNO && errno != ENODEV;
}

/* -1, logged: it stays as it is. */
static int
read_ledger(struct fby_recover *r)
{
	const struct fby_manifest *m = r->ctx->manifest;
	struct fby_shm shm = FBY_SHM_INIT;
	enum fby_shm_verdict v;

	v = fby_shm_load(&shm, r->fd);
	r->fd = -1;
	if (is_out_of_reach(v)) {
		fby_error("%s/ledger: %s", r->ctx->run_dir, strerror(errno));
		fby_shm_close(&shm);
		return -1;
	}
	if (v != FBY_SHM_GOOD) {
		put_aside(r, fby_shm_verdict(v));
	} else if (strcmp(fby_shm_name(&shm, shm.head->name_off), m->name) ||
	    strcmp(fby_shm_name(&shm, shm.head->group_off), m->source.group)) {
		put_aside(r, "belongs to another manifest or group");
	} else if (m->host.delivery == FBY_EXACTLY_ONCE) {
		fby_notice("ledger of the master before: the broker knows "
			   "better, since the workers commit");
	} else {
		for (uint32_t i = 0; i < shm.nrows; i++)
			take_row(r, &shm, &shm.rows[i]);
		if (r->nitems > 0)
			qsort(r->items, r->nitems, sizeof(*r->items),
			    by_partition);
		fby_notice("ledger of the master before: %zu partition%s "
			   "acked and not committed",
		    r->nitems, r->nitems == 1 ? "" : "s");
	}
	fby_shm_close(&shm);
	return 0;
}

/* ---- waiting ---------------------------------------------------------- */

static void
on_holder(void *arg, pid_t pid, const char *comm)
{
	struct fby_recover *r = arg;

	if (fby_clock_mono() < r->kill_at) {
		fby_notice("ledger of the master before: worker %d (%s) still "
			   "has it; waiting, and in %" PRId64 " ms killing it",
		    pid, comm, r->kill_at - fby_clock_mono());
		return;
	}
	fby_warn("worker %d (%s) of the master before is still there; killed",
	    pid, comm);
	kill(pid, SIGKILL);
}

/* Workers that have not finished: who they are, and then their end. */
static void
look_at_holders(struct fby_recover *r)
{
	int64_t now = fby_clock_mono();
	size_t n;

	if (now < r->look_at)
		return;
	n = fby_ledger_lock_holders(r->fd, on_holder, r);
	if (n == 0 && now >= r->kill_at && !r->is_lost) {
		r->is_lost = true;
		fby_error("ledger of the master before: a process has it that "
			  "cannot be seen from here; waiting for its end for "
			  "%" PRId64 " ms",
		    FBY_MAX(r->give_up_at - now, 0));
	}
	r->look_at = now < r->kill_at ? r->kill_at : now + AGAIN_MS;
}

/* Or nobody waits for it any longer. */
static bool
is_free(const struct fby_recover *r)
{
	if (flock(r->fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (fby_clock_mono() < r->give_up_at)
		return false;
	fby_error("ledger of the master before: it is still in use; what its "
		  "worker acknowledges from now on is delivered again");
	return true;
}

static void
on_wait(evutil_socket_t fd, short what, void *arg)
{
	struct fby_recover *r = arg;
	struct timeval tv = fby_clock_tv(WAIT_MS);

	(void)fd;
	(void)what;
	if (!is_free(r)) {
		look_at_holders(r);
		evtimer_add(&r->ev_wait, &tv);
		return;
	}
	if (read_ledger(r) == 0) {
		r->done(r->arg, true);
		return;
	}
	r->done(r->arg, false);
}

/* Whether that is about us, and says nothing of the file. */
static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* What somebody else has written, or can write, says nothing of our acks. */
static bool
is_trusted(int fd, struct fby_str *why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		fby_str_puts(why, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		fby_str_puts(why, "not a plain file");
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		fby_str_printf(why, "belongs to user %u", (unsigned)st.st_uid);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		fby_str_printf(why, "others may write to it (mode %04o)",
		    (unsigned)st.st_mode & 07777);
	return why->len == 0;
}

int
fby_recover_start(struct fby_recover *r, const struct fby_context *ctx, int dir,
    void (*done)(void *arg, bool ok), void *arg)
{
	struct fby_str why;
	int rc = 0;

	memset(r, 0, sizeof(*r));
	r->ctx = ctx;
	r->dir = dir;
	r->done = done;
	r->arg = arg;
	r->kill_at = fby_clock_mono() + ctx->manifest->host.drain_timeout_ms;
	r->give_up_at = r->kill_at + GIVE_UP_MS;
	r->look_at = FBY_MIN(fby_clock_mono() + SAY_MS, r->kill_at);
	evtimer_assign(&r->ev_wait, ctx->base, on_wait, r);
	r->fd = openat(dir, "ledger",
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	fby_str_init(&why);
	if (r->fd == -1 && is_shortage(errno)) {
		fby_error("%s/ledger: %s", ctx->run_dir, strerror(errno));
		rc = -1;
	} else if (r->fd == -1 && errno != ENOENT) {
		put_aside(r, strerror(errno));
	} else if (r->fd != -1 && !is_trusted(r->fd, &why)) {
		put_aside(r, why.p);
		close(r->fd);
		r->fd = -1;
	}
	fby_str_fini(&why);
	if (rc == -1)
		return -1;
	if (r->fd == -1)
		r->done(r->arg, true);
	else
		on_wait(-1, 0, r);
	return 0;
}

void
fby_recover_fini(struct fby_recover *r)
{
	if (r->ctx == NULL)
		return;
	evtimer_del(&r->ev_wait);
	if (r->fd != -1)
		close(r->fd);
	for (size_t i = 0; i < r->nitems; i++)
		free(r->items[i].topic);
	free(r->items);
	memset(r, 0, sizeof(*r));
}

/* It is FREE for us, and the next master must not pass it over. */
static void
carry(const struct fby_recover_item *item, const struct fby_handoff *h,
    const struct fby_part *pt)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);

	fby_store(&row->committed, item->committed);
	fby_store(&row->watermark, item->watermark);
	fby_store(&row->topic_id, item->topic_id);
	fby_store(&row->high, item->acked);
	fby_store(&row->leader_epoch, item->epoch);
	fby_release(&row->acked, item->acked);
	fby_store(&row->state,
	    pt->state == FBY_ROW_FREE ? FBY_ROW_IDLE : pt->state);
}

/*
 * The old file is gone when this one takes its name, so its news are written
 * into it: the next master finds them if this one does not come that far.
 */
void
fby_recover_carry_over(const struct fby_recover *r, struct fby_handoff *h)
{
	for (size_t i = 0; i < r->nitems; i++) {
		const struct fby_recover_item *item = &r->items[i];
		uint32_t n = fby_handoff_add(h, item->topic, item->partition);

		if (n == FBY_NOROW)
			continue;
		h->parts[n].carried = true;
		carry(item, h, &h->parts[n]);
	}
}

void
fby_recover_carry_again(const struct fby_recover *r,
    const struct fby_handoff *h)
{
	for (size_t i = 0; i < r->nitems; i++) {
		const struct fby_recover_item *item = &r->items[i];
		uint32_t n = fby_handoff_find(h, item->topic, item->partition);

		if (n != FBY_NOROW && h->parts[n].carried)
			carry(item, h, &h->parts[n]);
	}
}

size_t
fby_recover_pending(const struct fby_recover *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nitems; i++)
		n += !r->items[i].used;
	return n;
}

struct fby_recover_item *
fby_recover_find(struct fby_recover *r, const char *topic, int32_t partition)
{
	const struct fby_recover_item key = {
		.topic = (char *)(uintptr_t)topic,
		.partition = partition,
	};

	if (r->nitems == 0)
		return NULL;
	return bsearch(&key, r->items, r->nitems, sizeof(*r->items),
	    by_partition);
}
