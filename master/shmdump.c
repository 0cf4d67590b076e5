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

#include "master/shmdump.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "shared/shm.h"
#include "shared/str.h"

#include "master/json.h"
#include "master/render.h"
#include "master/screen.h"
#include "master/status.h"

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
	    "s:o}",
	    "name", fby_json_text(fby_shm_name(shm, head->name_off)),
	    "group", fby_json_text(fby_shm_name(shm, head->group_off)),
	    "abi", (int)head->abi,
	    "size", (json_int_t)head->size,
	    "nslots", (json_int_t)head->nslots,
	    "nrows", (json_int_t)head->nrows,
	    "epoch", (json_int_t)fby_load(&head->epoch),
	    "master_pid", pid > 0 ? json_integer(pid) : json_null(),
	    "alive", (int)alive, "slots", slots(shm), "rows", rows(shm));
	/* clang-format on */
}

/* `ledger` in it if it is a directory; heap. */
static char *
ledger_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return fby_asprintf("%s/ledger", path);
	return fby_asprintf("%s", path);
}

int
fby_shmdump(const char *where, bool json)
{
	struct fby_shm shm = FBY_SHM_INIT;
	char *path = ledger_path(where), *text;
	struct fby_render r;
	json_t *o = NULL;
	enum fby_shm_verdict v = fby_shm_open(&shm, path);

	if (v != FBY_SHM_GOOD) {
		fprintf(stderr, "forebay: %s: %s\n", path, fby_shm_verdict(v));
		goto out;
	}
	o = fby_shmdump_json(&shm);
	if (json) {
		fby_screen_json(o);
	} else {
		fby_screen_init(&r);
		text = fby_render_shm(o, &r);
		fby_screen_text(text);
		free(text);
	}
out:
	json_decref(o);
	fby_shm_close(&shm);
	free(path);
	return v == FBY_SHM_GOOD ? 0 : 1;
}
