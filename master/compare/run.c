/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run for throughput; see compare/run.h.
 */
#include "shared/fby.h"

#include "master/compare/run.h"

#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

#include "master/compare/cases.h"
#include "master/compare/child.h"
#include "master/compare/interrupt.h"
#include "master/compare/proc.h"

#define POLL_US 50000
#define LOOK_MS 200 /* at the processes */
#define STALL_MS 60000

struct pass {
	struct fby_compare *c;
	struct fby_compare_run *run;
	const struct fby_compare_case *kase;
	struct fby_compare_child child;
	struct fby_compare_proc proc;
	int64_t target;
	int64_t zero_ms;  /* the last look at which nothing was committed */
	int64_t first_ms; /* the first at which something was; FBY_NONE */
	int64_t moved_ms; /* the last at which it had become more */
	int64_t looked_ms;
};

static void
add_sample(struct fby_compare_run *run, int64_t ms, int64_t records)
{
	if (run->nsamples == run->cap) {
		run->cap = run->cap ? 2 * run->cap : 64;
		run->samples = fby_realloc(run->samples,
		    run->cap * sizeof(*run->samples));
	}
	run->samples[run->nsamples++] = (struct fby_compare_sample){ ms,
		records };
}

/* ---- following -------------------------------------------------------- */

static void
note(struct pass *p, int64_t ms, int64_t records)
{
	struct fby_compare_run *run = p->run;

	if (records > run->records)
		p->moved_ms = ms;
	if (records == 0)
		p->zero_ms = ms;
	else if (p->first_ms == FBY_NONE)
		p->first_ms = ms;
	run->records = records;
	run->ms = ms;
	add_sample(run, ms, records);
}

static double
fraction(const struct pass *p)
{
	double by_count = (double)p->run->records / (double)p->target;
	double by_time = p->c->for_ms ?
	    (double)p->run->ms / (double)p->c->for_ms :
	    0;

	return FBY_MIN(FBY_MAX(by_count, by_time), 1.0);
}

static bool
is_done(const struct pass *p)
{
	return p->run->records >= p->target ||
	    (p->c->for_ms > 0 && p->run->ms >= p->c->for_ms);
}

static int
look(struct pass *p)
{
	struct fby_compare_child *ch = &p->child;
	int64_t records = 0, ms;

	if (fby_compare_interrupt_came())
		return fby_compare_child_fail(ch, "interrupted");
	if (fby_compare_child_check(ch) == -1)
		return -1;
	if (fby_compare_kafka_progress(&p->c->k, ch->group, &p->kase->log,
		&records) == -1)
		return fby_compare_child_fail(ch, "%s", p->c->k.why);
	ms = (fby_clock_mono_us() - ch->started_us) / 1000;
	note(p, ms, records);
	if (is_done(p) || ms - p->looked_ms >= LOOK_MS) {
		p->looked_ms = ms;
		fby_compare_proc_look(&p->proc, ch->pid);
	}
	fby_compare_progress_part(&p->c->progress, fraction(p));
	if (!is_done(p) && ms - p->moved_ms >= STALL_MS)
		return fby_compare_child_fail(ch,
		    "nothing was committed for %d s, at %" PRId64 " of %" PRId64
		    " records",
		    STALL_MS / 1000, records, p->target);
	return 0;
}

static int
follow(struct pass *p)
{
	for (;;) {
		if (look(p) == -1)
			return -1;
		if (is_done(p))
			break;
		usleep(POLL_US);
	}
	if (p->run->records == 0)
		return fby_compare_child_fail(&p->child,
		    "nothing was committed in %" PRId64 " ms", p->run->ms);
	return 0;
}

/* ---- the figures ------------------------------------------------------ */

static void
set_figures(const struct pass *p)
{
	struct fby_compare_run *run = p->run;
	const double millions = (double)run->records / 1e6;
	const double seconds = (double)(run->ms - p->zero_ms) / 1e3;
	double *v = run->value;

	v[FBY_COMPARE_RATE] = (double)run->records / FBY_MAX(seconds, 1e-3);
	v[FBY_COMPARE_CPU] = p->proc.cpu / millions;
	v[FBY_COMPARE_RSS] = (double)p->proc.rss_peak;
	v[FBY_COMPARE_THREADS] = (double)p->proc.threads;
	v[FBY_COMPARE_VOLUNTARY] = (double)fby_compare_proc_voluntary(
				       &p->proc) /
	    millions;
	v[FBY_COMPARE_INVOLUNTARY] = (double)fby_compare_proc_involuntary(
					 &p->proc) /
	    millions;
	v[FBY_COMPARE_FIRST] = (double)p->first_ms;
}

int
fby_compare_run_do(struct fby_compare *c, struct fby_compare_run *run)
{
	struct fby_compare_case *kase = &c->cases[run->kase];
	struct pass p = { .c = c,
		.run = run,
		.kase = kase,
		.first_ms = FBY_NONE };
	const struct fby_compare_start start = {
		.runtime = c->runtimes[run->runtime],
		.topic = kase->size > 0 ? kase->log.parts[0].topic : NULL,
		.sink = c->as_is ? FBY_COMPARE_AS_IS : FBY_COMPARE_BLACKHOLE,
		.single = kase->single,
		.out = -1,
	};
	int rc;

	p.target = kase->log.records;
	if (c->records > 0)
		p.target = FBY_MIN(p.target, c->records);
	fby_compare_proc_init(&p.proc);
	rc = fby_compare_child_prepare(&p.child, c, &start);
	if (rc == 0 &&
	    fby_compare_kafka_place(&c->k, p.child.group, &kase->log, false) ==
		-1)
		rc = fby_compare_child_fail(&p.child, "%s", c->k.why);
	if (rc == 0)
		rc = fby_compare_child_start(&p.child, &start);
	if (rc == 0)
		rc = follow(&p);
	if (rc == 0)
		set_figures(&p);
	run->why = fby_compare_child_end(&p.child);
	fby_compare_proc_fini(&p.proc);
	return rc;
}
