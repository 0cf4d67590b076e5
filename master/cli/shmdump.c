/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `forebay shm`; see shmdump.h.
 *
 * A master that was killed cannot take its number out of the ledger, so
 * whether it lives is asked of the kernel: a process of that number that has
 * this very file mapped would be certain, one that exists is good enough for
 * people.
 */
#include "shared/fby.h"

#include "master/cli/shmdump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/str.h"
#include "shared/boundary/shm.h"

#include "master/base/json.h"
#include "master/base/rundir.h"
#include "master/base/status_ledger.h"
#include "master/cli/render.h"
#include "master/cli/screen.h"

static json_t *
slots(const struct fby_shm *shm)
{
	json_t *list = json_array(), *o;

	for (uint32_t i = 0; i < shm->nslots; i++) {
		/* A slot that was never used says nothing. */
		if (fby_load(&shm->slots[i].spawns) == 0)
			continue;
		o = fby_status_slot(&shm->slots[i]);
		json_object_set_new(o, "slot", json_integer(i));
		json_array_append_new(list, o);
	}
	return list;
}

/* Connections that are, or were, in use. */
static json_t *
functions(const struct fby_shm *shm)
{
	json_t *list = json_array(), *o;

	for (uint32_t i = 0; i < shm->nslots * FBY_LEDGER_FUNCTIONS; i++) {
		uint32_t slot = i / FBY_LEDGER_FUNCTIONS;
		uint32_t role = i % FBY_LEDGER_FUNCTIONS;
		const struct fby_ledger_function *fn = &shm->slots[slot]
							    .function[role];

		if (fby_acquire(&fn->state) == FBY_CONN_OFF)
			continue;
		o = fby_status_function(fn, role);
		json_object_set_new(o, "slot", json_integer(slot));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
rows(const struct fby_shm *shm)
{
	json_t *list = json_array(), *o;

	for (uint32_t i = 0; i < shm->nrows; i++) {
		const struct fby_ledger_row *row = &shm->rows[i];

		if (row->topic_off == 0)
			continue;
		o = fby_status_row(row);
		json_object_set_new(o, "row", json_integer(i));
		json_object_set_new(o, "topic",
		    fby_json_text(fby_shm_name(shm, row->topic_off)));
		json_object_set_new(o, "partition",
		    json_integer(row->partition));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *
fby_shmdump_json(const struct fby_shm *shm)
{
	const struct fby_ledger_head *head = shm->head;
	int32_t pid = (int32_t)fby_load(&head->master_pid);
	bool alive = pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);

	/* clang-format off */
	return json_pack("{s:o, s:o, s:i, s:I, s:I, s:I, s:I, s:o, s:b, s:o, "
	    "s:o, s:o}",
	    "name", fby_json_text(fby_shm_name(shm, head->name_off)),
	    "group", fby_json_text(fby_shm_name(shm, head->group_off)),
	    "abi", (int)head->abi,
	    "size", (json_int_t)head->size,
	    "nslots", (json_int_t)head->nslots,
	    "nrows", (json_int_t)head->nrows,
	    "epoch", (json_int_t)fby_load(&head->epoch),
	    "master_pid", pid > 0 ? json_integer(pid) : json_null(),
	    "alive", (int)alive, "slots", slots(shm),
	    "functions", functions(shm), "rows", rows(shm));
	/* clang-format on */
}

/* Neither through a link nor from a pipe that nobody writes to. */
static enum fby_shm_verdict
open_at(struct fby_shm *shm, int dir)
{
	char *path = fby_asprintf("/proc/self/fd/%d/ledger", dir);
	enum fby_shm_verdict v = FBY_SHM_ERRNO;
	struct stat st;

	if (fstatat(dir, "ledger", &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EINVAL;
		if (S_ISREG(st.st_mode))
			v = fby_shm_open(shm, path);
	}
	free(path);
	return v;
}

/* -1: said on standard error.  A directory's is the ledger in it. */
static int
open_ledger(struct fby_shm *shm, const char *where)
{
	enum fby_shm_verdict v;
	struct fby_str why;
	struct stat st;
	bool in_dir = stat(where, &st) == 0 && S_ISDIR(st.st_mode);
	int dir = -1;

	fby_str_init(&why);
	if (in_dir && (dir = fby_rundir_open(where, true, &why)) == -1) {
		fprintf(stderr, "forebay: %s\n", why.p);
		fby_str_fini(&why);
		return -1;
	}
	fby_str_fini(&why);
	v = in_dir ? open_at(shm, dir) : fby_shm_open(shm, where);
	if (dir != -1)
		close(dir);
	if (v != FBY_SHM_GOOD)
		fprintf(stderr, "forebay: %s%s: %s\n", where,
		    in_dir ? "/ledger" : "", fby_shm_verdict(v));
	return v == FBY_SHM_GOOD ? 0 : -1;
}

int
fby_shmdump(const char *where, bool json)
{
	struct fby_shm shm = FBY_SHM_INIT;
	struct fby_screen r;
	char *text;
	json_t *o;

	if (open_ledger(&shm, where) == -1)
		return 1;
	o = fby_shmdump_json(&shm);
	if (json) {
		fby_screen_json(o);
	} else {
		fby_screen_init(&r);
		text = fby_render_shm(o, &r);
		fby_screen_text(text);
		free(text);
	}
	json_decref(o);
	fby_shm_close(&shm);
	return 0;
}
