/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runs have shown; see compare/report.h.
 */
#include "shared/fby.h"

#include "master/compare/report.h"

#include <math.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/version.h"
#include "master/cli/format.h"
#include "master/cli/table.h"
#include "master/compare/processor.h"

#define SHORT_MS 2000 /* runs below it are coarse */
#define MANY 1000     /* latencies: then the slowest is not p99.9 */

enum unit { COUNT, SECONDS, BYTES, MS };

/* clang-format off */
static const struct {
	const char *key, *title;
	enum unit unit;
} metrics[] = {
#define M(id, key, title, unit) { key, title, unit },
	FBY_COMPARE_METRICS(M)
#undef M
};
/* clang-format on */

/* ---- figures ---------------------------------------------------------- */

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool
is_of(const struct fby_compare_run *run, size_t kase, size_t runtime)
{
	return run->done && run->kase == kase && run->runtime == runtime;
}

void
fby_compare_report_stat(const struct fby_compare *c, size_t kase,
    size_t runtime, enum fby_compare_metric metric, struct fby_compare_stat *st)
{
	double *v = fby_calloc(c->nruns + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < c->nruns; i++)
		if (is_of(&c->runs[i], kase, runtime) &&
		    !isnan(c->runs[i].value[metric]))
			v[n++] = c->runs[i].value[metric];
	qsort(v, n, sizeof(*v), by_value);
	*st = (struct fby_compare_stat){ .n = n };
	if (n > 0) {
		st->min = v[0];
		st->max = v[n - 1];
		st->median = (v[(n - 1) / 2] + v[n / 2]) / 2;
	}
	free(v);
}

bool
fby_compare_report_has(const struct fby_compare *c, size_t kase,
    enum fby_compare_metric metric)
{
	struct fby_compare_stat st;

	for (size_t r = 0; r < c->nruntimes; r++) {
		fby_compare_report_stat(c, kase, r, metric, &st);
		if (st.n > 0)
			return true;
	}
	return false;
}

/* ---- words ------------------------------------------------------------ */

const char *
fby_compare_report_title(enum fby_compare_metric metric)
{
	return metrics[metric].title;
}

const char *
fby_compare_report_value(enum fby_compare_metric metric, double x,
    char buf[FBY_COMPARE_TEXT])
{
	char human[FBY_FORMAT];

	switch (metrics[metric].unit) {
	case COUNT:
		snprintf(buf, FBY_COMPARE_TEXT, "%s",
		    fby_format_count(x, human));
		break;
	case BYTES:
		fby_format_bytes(x, human);
		snprintf(buf, FBY_COMPARE_TEXT, "%s%s", human,
		    x < 1024 ? "" : "iB");
		break;
	default:
		snprintf(buf, FBY_COMPARE_TEXT, "%.*f",
		    x < 10      ? 2 :
			x < 100 ? 1 :
				  0,
		    x);
	}
	return buf;
}

const char *
fby_compare_report_case(const struct fby_compare *c, size_t kase,
    char buf[FBY_COMPARE_TEXT])
{
	const struct fby_compare_case *k = &c->cases[kase];
	char mode[48], size[40] = "the topic's own records";

	if (k->single)
		snprintf(mode, sizeof(mode), "one record at a time");
	else if (c->m->streaming)
		snprintf(mode, sizeof(mode), "streaming");
	else
		snprintf(mode, sizeof(mode), "batches of %" PRId64,
		    c->m->read_batch_size);
	if (k->size > 0)
		snprintf(size, sizeof(size), "records of %" PRId64 " bytes",
		    k->size);
	snprintf(buf, FBY_COMPARE_TEXT, "%s, %s", mode, size);
	return buf;
}

const char *
fby_compare_report_machine(char buf[FBY_COMPARE_TEXT * 2])
{
	struct utsname u = { .release = "?" };
	char processor[96];

	(void)uname(&u);
	fby_compare_processor("/proc/cpuinfo", processor, sizeof(processor));
	snprintf(buf, FBY_COMPARE_TEXT * 2, "%ld CPUs, %s, Linux %.60s",
	    sysconf(_SC_NPROCESSORS_ONLN), processor, u.release);
	return buf;
}

/* ---- notes ------------------------------------------------------------ */

static bool
has_short_runs(const struct fby_compare *c)
{
	for (size_t i = 0; i < c->nruns; i++)
		if (c->runs[i].done && c->runs[i].ms < SHORT_MS)
			return true;
	return false;
}

static bool
has_few_latencies(const struct fby_compare *c)
{
	for (size_t i = 0; i < c->nruns; i++)
		if (c->runs[i].nlatency > 0 && c->runs[i].nlatency < MANY)
			return true;
	return false;
}

char *
fby_compare_report_notes(const struct fby_compare *c)
{
	struct fby_str s;

	fby_str_init(&s);
	if (has_short_runs(c))
		fby_str_printf(&s,
		    "Some runs took less than %d s: starting up weighs much "
		    "in them, and what is done is only known at each commit. "
		    "More records make better figures.\n",
		    SHORT_MS / 1000);
	if (has_few_latencies(c))
		fby_str_printf(&s,
		    "With fewer than %d records a run, latency p99.9 is that "
		    "of the slowest.\n",
		    MANY);
	for (size_t i = 0; i < c->nruns; i++)
		if (c->runs[i].why)
			fby_str_printf(&s, "%s, round %d, failed: %.*s.\n",
			    c->runtimes[c->runs[i].runtime],
			    c->runs[i].round + 1,
			    (int)strcspn(c->runs[i].why, "\n"), c->runs[i].why);
	return fby_str_take(&s);
}

/* ---- table ------------------------------------------------------------ */

static void
cell(struct fby_table *t, enum fby_compare_metric metric, double x, bool has)
{
	char buf[FBY_COMPARE_TEXT];

	fby_table_cell(t, has ? fby_compare_report_value(metric, x, buf) : "-");
}

/* The first runtime is what the others are measured against. */
static void
ratio_cell(struct fby_table *t, const struct fby_compare_stat *st,
    const struct fby_compare_stat *first)
{
	char buf[32] = "-";

	if (st->n > 0 && first->n > 0 && first->median > 0)
		snprintf(buf, sizeof(buf), "%.2f", st->median / first->median);
	fby_table_cell(t, buf);
}

static void
add_row(const struct fby_compare *c, struct fby_table *t, size_t kase,
    enum fby_compare_metric metric)
{
	struct fby_compare_stat st, first = { 0 };

	fby_table_cell(t, metrics[metric].title);
	for (size_t r = 0; r < c->nruntimes; r++) {
		fby_compare_report_stat(c, kase, r, metric, &st);
		if (r == 0)
			first = st;
		cell(t, metric, st.min, st.n > 0);
		cell(t, metric, st.median, st.n > 0);
		cell(t, metric, st.max, st.n > 0);
		if (r > 0)
			ratio_cell(t, &st, &first);
	}
}

/* For each runtime least, median, most, and for all but one the ratio. */
static struct fby_column *
make_columns(const struct fby_compare *c, size_t *n, char ***titles)
{
	struct fby_column *columns = fby_calloc(1 + 4 * c->nruntimes,
	    sizeof(*columns));
	size_t k = 1;

	*titles = fby_calloc(2 * c->nruntimes, sizeof(**titles));
	columns[0] = (struct fby_column){ "", false, 0 };
	for (size_t r = 0; r < c->nruntimes; r++) {
		char **title = &(*titles)[2 * r];

		title[0] = fby_asprintf("%s: min", c->runtimes[r]);
		title[1] = fby_asprintf("%s/%s", c->runtimes[r],
		    c->runtimes[0]);
		columns[k++] = (struct fby_column){ title[0], true, 0 };
		columns[k++] = (struct fby_column){ "median", true, 0 };
		columns[k++] = (struct fby_column){ "max", true, 0 };
		if (r > 0)
			columns[k++] = (struct fby_column){ title[1], true, 1 };
	}
	*n = k;
	return columns;
}

static void
add_case(const struct fby_compare *c, struct fby_str *s, size_t kase, int width,
    bool color)
{
	char **titles, name[FBY_COMPARE_TEXT];
	size_t n;
	struct fby_column *columns = make_columns(c, &n, &titles);
	struct fby_table *t = fby_table_new(columns, n);

	for (int i = 0; i < FBY_COMPARE_METRICS_N; i++)
		if (fby_compare_report_has(c, kase, (enum fby_compare_metric)i))
			add_row(c, t, kase, (enum fby_compare_metric)i);
	fby_str_printf(s, "\n%s:\n\n", fby_compare_report_case(c, kase, name));
	fby_table_write(t, s, width, color);
	fby_table_free(t);
	for (size_t i = 0; i < 2 * c->nruntimes; i++)
		free(titles[i]);
	free(titles);
	free(columns);
}

char *
fby_compare_report_text(const struct fby_compare *c, int width, bool color)
{
	char machine[FBY_COMPARE_TEXT * 2], *notes;
	struct fby_str s;

	fby_str_init(&s);
	fby_str_printf(&s, "%s: %" PRId64 " rounds, sink %s, on %s\n",
	    c->m->name, c->rounds, c->as_is ? "as is" : "blackhole",
	    fby_compare_report_machine(machine));
	for (size_t i = 0; i < c->ncases; i++)
		add_case(c, &s, i, width, color);
	notes = fby_compare_report_notes(c);
	if (*notes)
		fby_str_printf(&s, "\n%s", notes);
	free(notes);
	return fby_str_take(&s);
}

/* ---- JSON ------------------------------------------------------------- */

static json_t *
number(double x)
{
	return isnan(x) ? json_null() : json_real(x);
}

static json_t *
summary_json(const struct fby_compare *c, size_t kase, size_t runtime)
{
	json_t *all = json_object();

	for (int i = 0; i < FBY_COMPARE_METRICS_N; i++) {
		struct fby_compare_stat st;

		fby_compare_report_stat(c, kase, runtime,
		    (enum fby_compare_metric)i, &st);
		json_object_set_new(all, metrics[i].key,
		    st.n == 0 ? json_null() :
				json_pack("{s:f,s:f,s:f}", "min", st.min,
				    "median", st.median, "max", st.max));
	}
	return all;
}

static json_t *
run_json(const struct fby_compare_run *run)
{
	json_t *o = json_pack("{s:i,s:b,s:s?,s:I,s:I}", "round", run->round + 1,
	    "ok", run->done, "error", run->why, "records",
	    (json_int_t)run->records, "ms", (json_int_t)run->ms);

	for (int i = 0; i < FBY_COMPARE_METRICS_N; i++)
		json_object_set_new(o, metrics[i].key, number(run->value[i]));
	return o;
}

static json_t *
runtime_json(const struct fby_compare *c, size_t kase, size_t runtime)
{
	json_t *runs = json_array();

	for (size_t i = 0; i < c->nruns; i++)
		if (c->runs[i].kase == kase && c->runs[i].runtime == runtime &&
		    (c->runs[i].done || c->runs[i].why))
			json_array_append_new(runs, run_json(&c->runs[i]));
	return json_pack("{s:s,s:o,s:o}", "name", c->runtimes[runtime],
	    "summary", summary_json(c, kase, runtime), "runs", runs);
}

static json_t *
case_json(const struct fby_compare *c, size_t kase)
{
	const struct fby_compare_case *k = &c->cases[kase];
	json_t *runtimes = json_array();

	for (size_t r = 0; r < c->nruntimes; r++)
		json_array_append_new(runtimes, runtime_json(c, kase, r));
	return json_pack("{s:s,s:o,s:I,s:o}", "mode",
	    k->single           ? "single" :
		c->m->streaming ? "streaming" :
				  "batch",
	    "recordBytes", k->size > 0 ? json_integer(k->size) : json_null(),
	    "batch",
	    (json_int_t)(k->single ? 1 : fby_manifest_batch_size(c->m)),
	    "runtimes", runtimes);
}

json_t *
fby_compare_report_json(const struct fby_compare *c)
{
	json_t *cases = json_array(), *versions = json_object();
	char machine[FBY_COMPARE_TEXT * 2], when[FBY_CLOCK_TEXT];

	for (size_t i = 0; i < c->ncases; i++)
		json_array_append_new(cases, case_json(c, i));
	for (const struct fby_version *v = fby_version_list(); v->name; v++)
		json_object_set_new(versions, v->name, json_string(v->text));
	return json_pack("{s:s,s:s,s:s,s:o,s:s,s:I,s:o}", "name", c->m->name,
	    "time", fby_clock_text(fby_clock_wall(), when), "machine",
	    fby_compare_report_machine(machine), "versions", versions, "sink",
	    c->as_is ? "as-is" : "blackhole", "rounds", (json_int_t)c->rounds,
	    "cases", cases);
}
