/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger file that is damaged, truncated or of somebody else: the verdict
 * on it, what a new master believes of it, and what `forebay shm` shows.
 */
#include "shared/fby.h"

/* Reading begins when a lock can be had, which is none of our business. */
#include "master/group/recover.c"
#include "t/unit/master/fake_master.h"

#include <fcntl.h>

#include "master/cli/render.h"
#include "master/cli/screen.h"
#include "master/cli/shmdump.h"
#include "t/fuzz/fuzz.h"

#define ROWS 4
#define NOW INT64_C(1795382737000)

static struct fby_shm fresh; /* the new master's */
static void *pristine;

/* No process is to die of a fuzzed number: the C library's is not called. */
int
kill(pid_t pid, int sig)
{
	FBY_BUG_ON(pid <= (sig == 0 ? 0 : 1));
	errno = ESRCH;
	return -1;
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
	    fby_shm_create(&fresh, name, 1, ROWS, "demo", "g") == -1 ||
	    unlink(name) == -1)
		abort();
	pristine = fby_malloc(fresh.size);
	memcpy(pristine, fresh.head, fresh.size);
	manifest.name = "demo";
	manifest.source.group = "g";
	mst.ctx.base = event_base_new();
	mst.ctx.manifest = &manifest;
	mst.ctx.run_dir = "/nonexistent"; /* a refused ledger is renamed */
	return 0;
}

static bool
is_inside(const struct fby_shm *shm, const void *p, size_t n, size_t each)
{
	const char *base = (const char *)shm->head, *from = p;

	return from >= base && from <= base + shm->size &&
	    n <= (size_t)(base + shm->size - from) / each;
}

static void
print(const struct fby_shm *shm)
{
	const struct fby_screen looks[] = {
		{ .now = NOW },
		{ .now = NOW, .width = 40 },
	};
	json_t *o = fby_shmdump_json(shm);
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;

	FBY_BUG_ON(text == NULL);
	free(text);
	for (size_t i = 0; i < FBY_NELEM(looks); i++) {
		text = fby_render_shm(o, &looks[i]);
		FBY_BUG_ON(!fuzz_is_printable(text));
		free(text);
	}
	json_decref(o);
}

static void
show(int fd)
{
	struct fby_shm shm = FBY_SHM_INIT;
	enum fby_shm_verdict v = fby_shm_attach(&shm, dup(fd));

	FBY_BUG_ON(v == FBY_SHM_ERRNO || *fby_shm_verdict(v) == '\0');
	if (v == FBY_SHM_GOOD) {
		FBY_BUG_ON(!is_inside(&shm, shm.slots, shm.nslots,
		    sizeof(*shm.slots)));
		FBY_BUG_ON(
		    !is_inside(&shm, shm.rows, shm.nrows, sizeof(*shm.rows)));
		FBY_BUG_ON(!is_inside(&shm, shm.names, shm.names_size, 1));
		fby_shm_find(&shm, "orders", 0);
		print(&shm);
	}
	fby_shm_close(&shm);
}

/* What it is found to know can have been written by a master. */
static void
check_item(struct fby_recover *r, const struct fby_recover_item *item)
{
	FBY_BUG_ON(fby_recover_find(r, item->topic, item->partition) == NULL);
	FBY_BUG_ON(item->committed < FBY_NONE || item->partition < 0);
	FBY_BUG_ON(item->acked <= item->committed);
	FBY_BUG_ON(item->watermark < FBY_NONE);
}

/* A row of the new ledger is to be one that forebay itself could have made. */
static void
check_new_rows(void)
{
	for (uint32_t i = 0; i < ROWS && fresh.rows[i].topic_off; i++) {
		const struct fby_ledger_row *row = &fresh.rows[i];

		FBY_BUG_ON(row->partition < 0);
		FBY_BUG_ON(fby_load(&row->committed) < FBY_NONE);
		FBY_BUG_ON(fby_load(&row->acked) <= fby_load(&row->committed));
		FBY_BUG_ON(fby_load(&row->watermark) < FBY_NONE);
		FBY_BUG_ON(fby_load(&row->acked) > fby_load(&row->high));
	}
}

static void
recover(int fd)
{
	struct fby_recover r = { .ctx = &mst.ctx, .fd = dup(fd) };
	struct fby_handoff h;

	look_at_holders(&r);
	read_ledger(&r);
	FBY_BUG_ON(r.fd != -1);
	for (size_t i = 0; i < r.nitems; i++)
		check_item(&r, &r.items[i]);
	memcpy(fresh.head, pristine, fresh.size);
	fby_handoff_init(&h, &fresh, NULL, NULL);
	fby_recover_carry_over(&r, &h);
	check_new_rows();
	fby_handoff_fini(&h);
	evtimer_assign(&r.ev_wait, mst.ctx.base, on_wait, &r);
	fby_recover_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = fuzz_file(data, size);

	show(fd);
	recover(fd);
	close(fd);
	return 0;
}
