/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger has of functions; see traffic.h.
 */
#include "shared/fby.h"

#include "master/function/traffic.h"

#include <math.h>
#include <string.h>

#include "shared/base/str.h"
#include "shared/boundary/hist.h"
#include "shared/boundary/shm.h"
#include "shared/manifest/manifest.h"

#include "master/base/cpus.h"

#define PATIENCE_MS 5000 /* one that is started again is back by then */

/* ---- one instance ----------------------------------------------------- */

/* It may be written meanwhile: what is copied has an end and no more. */
static void
copy(char *to, const char *from, size_t size)
{
	if (*to)
		return;
	memcpy(to, from, size - 1);
	to[size - 1] = '\0';
}

static void
add_counters(struct fby_traffic *t, const struct fby_ledger_function *f)
{
	t->calls += fby_load(&f->calls);
	t->answers += fby_load(&f->answers);
	t->errors += fby_load(&f->errors);
	t->connects += fby_load(&f->connects);
	t->failures += fby_load(&f->failures);
	for (size_t i = 0; i <= FBY_HIST_BOUNDS; i++)
		t->buckets[i] += fby_load(&f->answer.bucket[i]);
	t->sum += fby_load(&f->answer.sum);
}

/* BACKOFF is as far away as WAITING, and says more. */
static int
distance(enum fby_conn_state state)
{
	return state == FBY_CONN_BACKOFF ? FBY_CONN_NSTATES :
					   FBY_CONN_READY - state;
}

static void
add_connection(struct fby_traffic *t, const struct fby_ledger_function *f)
{
	const uint32_t state = fby_acquire(&f->state);

	if (state == FBY_CONN_OFF || state >= FBY_CONN_NSTATES)
		return;
	if (t->connections++ == 0 ||
	    distance((enum fby_conn_state)state) > distance(t->state)) {
		t->state = (enum fby_conn_state)state;
		*t->why = '\0';
	}
	t->ready += state == FBY_CONN_READY;
	t->in_flight += fby_load(&f->in_flight);
	copy(t->language, f->language, sizeof(t->language));
	copy(t->version, f->version, sizeof(t->version));
	if (state != FBY_CONN_READY && t->state == (enum fby_conn_state)state)
		copy(t->why, f->why, sizeof(t->why));
}

void
fby_traffic_of(struct fby_traffic *t, const struct fby_shm *shm,
    enum fby_function_role role, size_t instance)
{
	*t = (struct fby_traffic){ .state = FBY_CONN_OFF };
	for (uint32_t i = 0; i < shm->nslots; i++) {
		const struct fby_ledger_slot *sl = &shm->slots[i];
		const struct fby_ledger_function *f = &sl->function[role];

		if (fby_load(&f->instance) != instance)
			continue;
		add_counters(t, f);
		if (fby_load(&sl->pid) > 0)
			add_connection(t, f);
	}
}

double
fby_traffic_quantile(const struct fby_traffic *t, double q)
{
	double n = 0, before = 0;

	for (size_t i = 0; i <= FBY_HIST_BOUNDS; i++)
		n += (double)t->buckets[i];
	if (n == 0)
		return NAN;
	for (size_t i = 0; i < FBY_HIST_BOUNDS; i++) {
		const double in = (double)t->buckets[i];
		const double low = i == 0 ? 0 : fby_hist_bounds[i - 1];

		if (before + in >= q * n && in > 0)
			return low +
			    (fby_hist_bounds[i] - low) * (q * n - before) / in;
		before += in;
	}
	return fby_hist_bounds[FBY_HIST_BOUNDS - 1];
}

size_t
fby_traffic_instances(const struct fby_manifest *m, enum fby_function_role role)
{
	const struct fby_function *fn = &m->functions[role];
	int cpus[FBY_WORKERS_MAX];
	size_t n;

	if (!fn->present || !fby_manifest_has_workers(m))
		return 0;
	n = fn->instances > 0 ? (size_t)fn->instances :
				fby_cpus_workers(m, fby_cpus_usable(m, cpus));
	return FBY_MIN(n, (size_t)FBY_TRAFFIC_INSTANCES);
}

/* ---- from one look to the next ---------------------------------------- */

static void
look_at(struct fby_traffic_watch *w, const struct fby_traffic *t, int role,
    size_t i, int64_t now)
{
	uint64_t *before = &w->calls[role][i];

	w->rate[role][i] = w->at > 0 && now > w->at && t->calls >= *before ?
	    (double)(t->calls - *before) * 1000 / (double)(now - w->at) :
	    0;
	*before = t->calls;
	if (t->connections == t->ready)
		w->waits_since[role][i] = 0;
	else if (w->waits_since[role][i] == 0)
		w->waits_since[role][i] = now;
}

void
fby_traffic_look(struct fby_traffic_watch *w, const struct fby_shm *shm,
    const struct fby_manifest *m, int64_t now)
{
	struct fby_traffic t;

	for (int role = 0; role < FBY_FUNCTION_N; role++) {
		const enum fby_function_role r = (enum fby_function_role)role;
		const size_t n = fby_traffic_instances(m, r);

		for (size_t i = 0; i < n; i++) {
			fby_traffic_of(&t, shm, r, i);
			look_at(w, &t, role, i, now);
		}
	}
	w->at = now;
}

static void
print(struct fby_str *s, const struct fby_manifest *m,
    enum fby_function_role role, size_t i, const struct fby_traffic *t)
{
	char dir[FBY_FUNCTION_DIR];

	fby_str_printf(s,
	    "%zu worker%s cannot use %s-%zu: ", t->connections - t->ready,
	    t->connections - t->ready == 1 ? "" : "s", fby_function_word(role),
	    i);
	if (*t->why)
		fby_str_printable(s, t->why, strlen(t->why));
	else
		fby_str_puts(s, "not there yet");
	fby_str_printf(s, " (%s/%s)",
	    fby_manifest_function_dir(m, role, (uint32_t)i, dir),
	    fby_function_socket(role));
}

void
fby_traffic_print_waiting(const struct fby_traffic_watch *w,
    const struct fby_shm *shm, const struct fby_manifest *m, int64_t now,
    struct fby_str *s)
{
	struct fby_traffic t;

	for (int role = 0; role < FBY_FUNCTION_N; role++) {
		const enum fby_function_role r = (enum fby_function_role)role;
		const size_t n = fby_traffic_instances(m, r);

		for (size_t i = 0; i < n; i++) {
			const int64_t since = w->waits_since[role][i];

			if (since == 0)
				continue;
			fby_traffic_of(&t, shm, r, i);
			if (t.connections == t.ready ||
			    (t.connects > 0 && now - since < PATIENCE_MS))
				continue;
			print(s, m, r, i, &t);
			return;
		}
	}
}
