/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command `forebay compare`; see compare.h.
 *
 * Whatever happens, what was made is taken away again: processes, consumer
 * groups, topics, the directory.
 */
#include "shared/fby.h"

#include "master/compare/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/cli/render.h"
#include "master/cli/screen.h"
#include "master/cli/usage.h"
#include "master/compare/cases.h"
#include "master/compare/child.h"
#include "master/compare/html.h"
#include "master/compare/interrupt.h"
#include "master/compare/latency.h"
#include "master/compare/manifest.h"
#include "master/compare/plan.h"
#include "master/compare/produce.h"
#include "master/compare/report.h"
#include "master/compare/run.h"

#define OWN_RECORDS 1000000 /* in a topic of ours, if --records is silent */

/* ---- topics ----------------------------------------------------------- */

static const char *
make_topic(struct fby_compare *c, const char *what, size_t partitions)
{
	char *name = fby_asprintf("forebay-compare-%d-%s", (int)getpid(), what);

	/* Also if it fails: it may have been made nevertheless. */
	c->topics = fby_realloc(c->topics,
	    (c->ntopics + 1) * sizeof(*c->topics));
	c->topics[c->ntopics++] = name;
	if (fby_compare_kafka_create(&c->k, name, (int)partitions) == 0)
		return name;
	fby_compare_plan_complain(c, "%s cannot be made: %s", name, c->k.why);
	return NULL;
}

static int
fill_topic(struct fby_compare *c, const char *topic, size_t partitions,
    int64_t size)
{
	int64_t records = c->records > 0 ? c->records : OWN_RECORDS;
	struct fby_compare_produce *p;
	int rc = -1;

	fby_compare_progress_step(&c->progress,
	    "writing %" PRId64 " records of %" PRId64 " bytes", records, size);
	p = fby_compare_produce_open(c, topic, partitions);
	if (p)
		rc = fby_compare_produce_fill(p, records, size);
	fby_compare_produce_close(p);
	return rc == 0 ?
	    0 :
	    fby_compare_plan_complain(c, "%s: %s", topic, c->k.why);
}

static int
read_log(struct fby_compare *c, const char *topic, struct fby_compare_log *log)
{
	const struct fby_strings topics = { &topic, 1 };

	if (fby_compare_kafka_read(&c->k, topic ? &topics : &c->m->topics,
		log) == -1)
		return fby_compare_plan_complain(c, "%s", c->k.why);
	return 0;
}

/* The records of a case: a topic of ours for each size, else what is there. */
static int
prepare_case(struct fby_compare *c, size_t kase, size_t partitions)
{
	struct fby_compare_case *k = &c->cases[kase];
	const char *topic = NULL;
	char what[32];

	if (k->size > 0 && kase > 0 && c->cases[kase - 1].size == k->size)
		topic = c->cases[kase - 1].log.parts[0].topic;
	if (k->size > 0 && topic == NULL) {
		snprintf(what, sizeof(what), "%" PRId64, k->size);
		topic = make_topic(c, what, partitions);
		if (topic == NULL ||
		    fill_topic(c, topic, partitions, k->size) == -1)
			return -1;
	}
	if (read_log(c, topic, &k->log) == -1)
		return -1;
	if (k->log.records == 0)
		return fby_compare_plan_complain(c,
		    "%s has no records to compare with; --create --size 100 "
		    "makes a topic that has",
		    c->m->source.topic);
	return 0;
}

/* ---- running ---------------------------------------------------------- */

static void
do_throughput(struct fby_compare *c, struct fby_compare_run *run)
{
	char name[FBY_COMPARE_TEXT], text[FBY_COMPARE_TEXT];

	fby_compare_progress_step(&c->progress, "%s, round %d, %s",
	    c->runtimes[run->runtime], run->round + 1,
	    fby_compare_report_case(c, run->kase, name));
	run->done = fby_compare_run_do(c, run) == 0;
	if (run->done)
		fby_compare_progress_end(&c->progress, "%s records/s",
		    fby_compare_report_value(FBY_COMPARE_RATE,
			run->value[FBY_COMPARE_RATE], text));
	else
		fby_compare_progress_end(&c->progress, "failed");
}

static void
do_latency(struct fby_compare *c, struct fby_compare_run *run,
    const char *topic)
{
	char name[FBY_COMPARE_TEXT], text[FBY_COMPARE_TEXT];

	fby_compare_progress_step(&c->progress, "%s, round %d, latency, %s",
	    c->runtimes[run->runtime], run->round + 1,
	    fby_compare_report_case(c, run->kase, name));
	run->done = fby_compare_latency_do(c, run, topic) == 0;
	if (run->done)
		fby_compare_progress_end(&c->progress, "p50 %s ms",
		    fby_compare_report_value(FBY_COMPARE_P50,
			run->value[FBY_COMPARE_P50], text));
	else
		fby_compare_progress_end(&c->progress, "failed");
}

static bool
has_failed(const struct fby_compare *c, size_t runtime)
{
	for (size_t i = 0; i < c->nruns; i++)
		if (c->runs[i].runtime == runtime && c->runs[i].why)
			return true;
	return false;
}

static void
do_run(struct fby_compare *c, struct fby_compare_run *run, const char *probe)
{
	/* The others go on without it. */
	if (has_failed(c, run->runtime)) {
		c->progress.done += probe ? 2 : 1;
		return;
	}
	do_throughput(c, run);
	if (run->done && probe)
		do_latency(c, run, probe);
	if (!run->done && !fby_compare_interrupt_came())
		fby_compare_plan_complain(c, "runtime %s: %s",
		    c->runtimes[run->runtime], run->why);
}

static int
run_all(struct fby_compare *c)
{
	struct fby_compare_log log = { 0 };
	const char *probe = NULL;
	size_t partitions, prepared = 0;
	int rc = 0;

	if (read_log(c, NULL, &log) == -1)
		return -1;
	partitions = log.n;
	fby_compare_kafka_free(&log);
	if (c->create && !(probe = make_topic(c, "latency", partitions)))
		return -1;
	for (size_t i = 0;
	     i < c->nruns && rc == 0 && !fby_compare_interrupt_came(); i++) {
		if (c->runs[i].kase == prepared)
			rc = prepare_case(c, prepared++, partitions);
		if (rc == 0 && !fby_compare_interrupt_came())
			do_run(c, &c->runs[i], probe);
	}
	fby_compare_progress_clear(&c->progress);
	return rc;
}

/* ---- the end ---------------------------------------------------------- */

/* Before anything is run; a page that is there stays as it is. */
static int
check_page(struct fby_compare *c)
{
	int fd;

	if (c->html == NULL)
		return 0;
	fd = open(c->html, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd != -1)
		unlink(c->html);
	else if (errno == EEXIST)
		fd = open(c->html, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return fby_compare_plan_complain(c, "%s: %s", c->html,
		    strerror(errno));
	close(fd);
	return 0;
}

static int
write_page(struct fby_compare *c)
{
	char *page = fby_compare_html_make(c);
	FILE *f = fopen(c->html, "we");
	int rc = 0;

	if (f == NULL || fputs(page, f) == EOF)
		rc = -1;
	if (f && fclose(f) == EOF)
		rc = -1;
	if (rc == -1)
		fby_compare_plan_complain(c, "%s: %s", c->html,
		    strerror(errno));
	free(page);
	return rc;
}

static int
report(struct fby_compare *c)
{
	struct fby_screen r;
	json_t *o;
	char *text;

	if (c->json) {
		o = fby_compare_report_json(c);
		fby_screen_json(o);
		json_decref(o);
	} else {
		fby_screen_init(&r);
		text = fby_compare_report_text(c, r.width, r.color);
		fby_screen_text(text);
		free(text);
	}
	fflush(stdout);
	return c->html ? write_page(c) : 0;
}

static void
clean_up(struct fby_compare *c)
{
	fby_compare_progress_clear(&c->progress);
	for (size_t i = 0; i < c->ntopics; i++) {
		if (fby_compare_kafka_delete(&c->k, c->topics[i]) == -1)
			fby_compare_plan_complain(c,
			    "topic %s could not be deleted: %s", c->topics[i],
			    c->k.why);
		free(c->topics[i]);
	}
	fby_compare_kafka_close(&c->k);
	if (c->dir)
		fby_compare_child_remove(c->dir);
	fby_compare_plan_free(c);
	free(c->topics);
	free(c->dir);
}

/* mkdtemp() makes it 0700: the manifests in it may hold a password. */
static int
make_dir(struct fby_compare *c)
{
	const char *tmp = getenv("TMPDIR");

	c->dir = fby_asprintf("%s/forebay-compare-XXXXXX",
	    tmp && *tmp ? tmp : "/tmp");
	if (mkdtemp(c->dir))
		return 0;
	fby_compare_plan_complain(c, "%s: %s", c->dir, strerror(errno));
	free(c->dir);
	c->dir = NULL;
	return -1;
}

static int
connect_cluster(struct fby_compare *c)
{
	const struct fby_compare_change change = { c->runtimes[0],
		"forebay-compare", NULL, c->dir, FBY_COMPARE_BLACKHOLE, false };
	struct fby_manifest *m;
	char *why = NULL;
	int rc = -1;

	m = fby_compare_manifest_make(c->m, &change, &why);
	if (m)
		rc = fby_compare_kafka_open(&c->k, m);
	if (rc == -1)
		fby_compare_plan_complain(c, "%s", why ? why : c->k.why);
	free(why);
	fby_manifest_free(m);
	return rc;
}

/* What rounds there are is shown, also if there are fewer than planned. */
static bool
any_done(const struct fby_compare *c)
{
	for (size_t i = 0; i < c->nruns; i++)
		if (c->runs[i].done)
			return true;
	return false;
}

static bool
all_done(const struct fby_compare *c)
{
	for (size_t i = 0; i < c->nruns; i++)
		if (!c->runs[i].done)
			return false;
	return true;
}

/* The results come first: cleaning up may take long, or fail. */
static int
run_and_report(struct fby_compare *c)
{
	int rc = run_all(c);

	if ((rc == 0 && !fby_compare_interrupt_came()) || any_done(c))
		rc |= report(c);
	return rc == 0 && all_done(c) ? 0 : 1;
}

int
fby_compare(const struct fby_manifest *m, const struct fby_options *o)
{
	struct fby_compare c = { .m = m };
	int status = 1;

	fby_compare_interrupt_catch();
	/* What a runtime leaves behind becomes ours, and is ended. */
	prctl(PR_SET_CHILD_SUBREAPER, 1UL);
	if (fby_compare_plan_read(&c, o) == -1)
		status = FBY_EXIT_USAGE;
	else if (fby_compare_plan_programs(&c) == 0 && make_dir(&c) == 0 &&
	    fby_compare_plan_manifests(&c) == 0 && connect_cluster(&c) == 0 &&
	    check_page(&c) == 0)
		status = run_and_report(&c);
	if (fby_compare_interrupt_came())
		fby_compare_plan_complain(&c,
		    "interrupted; what was begun is taken away");
	clean_up(&c);
	return fby_compare_interrupt_came() ?
	    128 + fby_compare_interrupt_signal() :
	    status;
}
