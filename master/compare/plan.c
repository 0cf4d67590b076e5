/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be compared; see compare/plan.h.
 */
#include "shared/fby.h"

#include "master/compare/plan.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/manifest/manifest.h"

#include "master/cli/usage.h"
#include "master/compare/cases.h"
#include "master/compare/manifest.h"

#define MAX_SIZE (10 << 20)

int
fby_compare_plan_complain(struct fby_compare *c, const char *fmt, ...)
{
	va_list ap;

	fby_compare_progress_clear(&c->progress);
	fputs("forebay: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

/* ---- the command line ------------------------------------------------- */

static char **
split_list(const char *text, size_t *n)
{
	char **v = fby_calloc(strlen(text) + 2, sizeof(*v));

	*n = 0;
	for (;;) {
		size_t len = strcspn(text, ",");

		v[(*n)++] = fby_strndup(text, len);
		if (text[len] == '\0')
			return v;
		text += len + 1;
	}
}

static void
split_free(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static int
read_count(struct fby_compare *c, const char *name, const char *text,
    int64_t most, int64_t *n)
{
	if (text == NULL ||
	    (fby_units_int(text, n) == NULL && *n >= 1 && *n <= most))
		return 0;
	return fby_compare_plan_complain(c,
	    "--%s: found \"%s\", allowed is a whole number from 1 to %" PRId64,
	    name, text, most);
}

static int
read_time(struct fby_compare *c, const char *name, const char *text,
    int64_t *ms)
{
	if (text == NULL || (fby_units_duration(text, ms) == NULL && *ms >= 1))
		return 0;
	return fby_compare_plan_complain(c,
	    "--%s: found \"%s\", allowed is a time such as 60s", name, text);
}

static int
read_sink(struct fby_compare *c, const char *text)
{
	c->as_is = text && strcmp(text, "as-is") == 0;
	if (text == NULL || c->as_is || strcmp(text, "blackhole") == 0)
		return 0;
	return fby_compare_plan_complain(c,
	    "--sink: found \"%s\", allowed is blackhole, or as-is for the "
	    "manifest's",
	    text);
}

static int
read_options(struct fby_compare *c, const struct fby_options *o)
{
	const char *const *text = o->compare;
	int rc = 0;

	c->libexec = o->libexec;
	c->json = o->client.json;
	c->html = text[FBY_OPT_HTML];
	c->create = text[FBY_OPT_CREATE] != NULL;
	c->rounds = 3;
	c->rate = 100;
	c->latency_ms = 5000;
	rc |= read_count(c, "records", text[FBY_OPT_RECORDS], INT64_MAX,
	    &c->records);
	rc |= read_count(c, "rounds", text[FBY_OPT_ROUNDS], 1000, &c->rounds);
	rc |= read_count(c, "rate", text[FBY_OPT_RATE], 1000000, &c->rate);
	rc |= read_time(c, "for", text[FBY_OPT_FOR], &c->for_ms);
	rc |= read_time(c, "latency", text[FBY_OPT_LATENCY], &c->latency_ms);
	rc |= read_sink(c, text[FBY_OPT_SINK]);
	if (!c->create &&
	    (text[FBY_OPT_SIZE] || text[FBY_OPT_RATE] || text[FBY_OPT_LATENCY]))
		rc = fby_compare_plan_complain(c,
		    "--size, --rate and --latency need topics of their own; "
		    "--create allows to make them, and deletes them at the "
		    "end");
	return rc;
}

/* ---- runtimes --------------------------------------------------------- */

static const struct fby_runtime *
registered(const struct fby_compare *c, const char *name)
{
	return fby_manifest_runtime_find(c->m, name);
}

/* NULL: it can be started, as far as one can tell. */
static const char *
missing_program(const struct fby_compare *c, const char *name)
{
	const struct fby_runtime *rt = registered(c, name);

	if (rt == NULL || rt->command.n == 0 || rt->command.v[0][0] != '/')
		return NULL;
	return access(rt->command.v[0], X_OK) == 0 ? NULL : rt->command.v[0];
}

static int
check_runtime(struct fby_compare *c, const char *name, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(c->runtimes[i], name) == 0)
			return fby_compare_plan_complain(c,
			    "--runtimes: %s is there twice", name);
	return 0;
}

int
fby_compare_plan_programs(struct fby_compare *c)
{
	int rc = 0;

	for (size_t i = 0; i < c->nruntimes; i++) {
		const char *program = missing_program(c, c->runtimes[i]);

		if (program)
			rc = fby_compare_plan_complain(c,
			    "runtime %s cannot run: %s: %s", c->runtimes[i],
			    program, strerror(errno));
	}
	return rc;
}

static void
choose_installed(struct fby_compare *c)
{
	const struct fby_host *host = &c->m->host;

	c->runtimes = fby_calloc(host->nruntimes + 1, sizeof(*c->runtimes));
	c->runtimes[c->nruntimes++] = fby_strdup("c");
	for (size_t i = 0; i < host->nruntimes; i++)
		if (missing_program(c, host->runtimes[i].name) == NULL)
			c->runtimes[c->nruntimes++] = fby_strdup(
			    host->runtimes[i].name);
}

int
fby_compare_plan_manifests(struct fby_compare *c)
{
	const enum fby_compare_sink sink = c->as_is ? FBY_COMPARE_AS_IS :
						      FBY_COMPARE_BLACKHOLE;
	int rc = 0;

	for (size_t i = 0; i < c->nruntimes; i++) {
		const struct fby_compare_change change = { c->runtimes[i],
			"none", NULL, c->dir, sink, false };
		char *why = NULL, *text;

		text = fby_compare_manifest_text(c->m, &change, &why);
		if (text == NULL)
			rc = fby_compare_plan_complain(c,
			    "runtime %s cannot run this manifest:\n%s",
			    c->runtimes[i], why);
		free(text);
		free(why);
	}
	return rc;
}

static int
read_runtimes(struct fby_compare *c, const char *text)
{
	int rc = 0;

	if (text == NULL) {
		choose_installed(c);
		return 0;
	}
	c->runtimes = split_list(text, &c->nruntimes);
	for (size_t i = 0; i < c->nruntimes; i++)
		rc |= check_runtime(c, c->runtimes[i], i);
	return rc;
}

/* ---- cases and runs --------------------------------------------------- */

static int
read_size(struct fby_compare *c, const char *text, int64_t *size)
{
	if (fby_units_bytes(text, size) == NULL && *size >= 1 &&
	    *size <= MAX_SIZE)
		return 0;
	return fby_compare_plan_complain(c,
	    "--size: found \"%s\", allowed are sizes from 1 to 10MiB, "
	    "separated by commas",
	    text);
}

static int
read_mode(struct fby_compare *c, const char *text, bool *single)
{
	*single = strcmp(text, "single") == 0;
	if (*single || strcmp(text, "batch") == 0)
		return 0;
	return fby_compare_plan_complain(c,
	    "--mode: found \"%s\", allowed is batch, single, or both", text);
}

/* Each size with each mode. */
static int
make_cases(struct fby_compare *c, const char *sizes, const char *modes)
{
	size_t nsizes, nmodes;
	char **size = split_list(sizes ? sizes : "", &nsizes);
	char **mode = split_list(modes ? modes : "batch", &nmodes);
	int rc = 0;

	c->cases = fby_calloc(nsizes * nmodes, sizeof(*c->cases));
	for (size_t i = 0; i < nsizes; i++)
		for (size_t k = 0; k < nmodes; k++) {
			struct fby_compare_case *kase = &c->cases[c->ncases++];

			if (sizes)
				rc |= read_size(c, size[i], &kase->size);
			rc |= read_mode(c, mode[k], &kase->single);
		}
	split_free(size, nsizes);
	split_free(mode, nmodes);
	return rc;
}

/* Runtimes by turns: what changes with time meets all of them. */
static void
plan_runs(struct fby_compare *c)
{
	struct fby_compare_run *run;

	c->nruns = c->ncases * (size_t)c->rounds * c->nruntimes;
	run = c->runs = fby_calloc(c->nruns, sizeof(*c->runs));
	for (size_t kase = 0; kase < c->ncases; kase++)
		for (int round = 0; round < c->rounds; round++)
			for (size_t r = 0; r < c->nruntimes; r++, run++) {
				run->kase = kase;
				run->round = round;
				run->runtime = r;
				for (int i = 0; i < FBY_COMPARE_METRICS_N; i++)
					run->value[i] = NAN;
			}
	fby_compare_progress_init(&c->progress, c->nruns * (c->create ? 2 : 1));
}

/* ---- the whole -------------------------------------------------------- */

int
fby_compare_plan_read(struct fby_compare *c, const struct fby_options *o)
{
	if (read_options(c, o) == -1 ||
	    read_runtimes(c, o->compare[FBY_OPT_RUNTIMES]) == -1 ||
	    make_cases(c, o->compare[FBY_OPT_SIZE], o->compare[FBY_OPT_MODE]) ==
		-1)
		return -1;
	plan_runs(c);
	return 0;
}

void
fby_compare_plan_free(struct fby_compare *c)
{
	for (size_t i = 0; i < c->ncases; i++)
		fby_compare_kafka_free(&c->cases[i].log);
	for (size_t i = 0; i < c->nruns; i++) {
		free(c->runs[i].why);
		free(c->runs[i].samples);
		free(c->runs[i].latency);
	}
	split_free(c->runtimes, c->nruntimes);
	free(c->cases);
	free(c->runs);
}
