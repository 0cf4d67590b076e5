/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page; see compare/html.h.
 *
 * page.html is what does not change: the style sheet, which knows dark and
 * small screens, too, and what is said at the end.  Between them go the tables
 * and the plots, SVG elements, that are made here.
 */
#include "shared/fby.h"

#include "master/compare/html.h"

#include <math.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/compare/cases.h"
#include "master/compare/report.h"

#define COLORS 6

#define GAP "<!-- figures -->\n"

/* page.html, which lies beside this file. */
extern const char page[];
__asm__(".section .rodata\n"
	"page:\n"
	".incbin \"master/compare/page.html\"\n"
	".byte 0\n"
	".previous\n");

static void
add_text(struct fby_str *s, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<':
			fby_str_puts(s, "&lt;");
			break;
		case '>':
			fby_str_puts(s, "&gt;");
			break;
		case '&':
			fby_str_puts(s, "&amp;");
			break;
		case '"':
			fby_str_puts(s, "&quot;");
			break;
		default:
			/* What a log line may hold and XML must not. */
			if ((unsigned char)*text >= ' ' || *text == '\n')
				fby_str_add(s, text, 1);
		}
}

static void
add_key(const struct fby_compare *c, struct fby_str *s, size_t runtime)
{
	fby_str_printf(s, "<span class=\"key c%zu\"></span>", runtime % COLORS);
	add_text(s, c->runtimes[runtime]);
}

static void
open_svg(struct fby_str *s, const char *title, int width, size_t height)
{
	fby_str_printf(s,
	    "<svg role=\"img\" viewBox=\"0 0 %d %zu\">\n<title>%s</title>\n",
	    width, height, title);
}

/* ---- bars ------------------------------------------------------------- */

#define BAR_WIDTH 320
#define BAR_LEFT 76
#define BAR_RIGHT 58
#define BAR_ROW 27

static double
bar_x(double value, double most)
{
	return BAR_LEFT +
	    (BAR_WIDTH - BAR_LEFT - BAR_RIGHT) * value / FBY_MAX(most, 1e-9);
}

/* Each run a dot; the bar ends at the median. */
static void
add_bar(const struct fby_compare *c, struct fby_str *s, size_t kase,
    size_t runtime, enum fby_compare_metric metric, double most)
{
	const double y = (double)runtime * BAR_ROW + 5;
	struct fby_compare_stat st;
	char text[FBY_COMPARE_TEXT];

	fby_compare_report_stat(c, kase, runtime, metric, &st);
	fby_str_printf(s, "<text x=\"0\" y=\"%.0f\">", y + 14);
	snprintf(text, sizeof(text), "%.10s", c->runtimes[runtime]);
	add_text(s, text);
	if (strlen(c->runtimes[runtime]) > 10)
		fby_str_puts(s, "&#8230;");
	fby_str_puts(s, "</text>\n");
	if (st.n == 0)
		return;
	fby_str_printf(s,
	    "<rect class=\"bar c%zu\" x=\"%d\" y=\"%.0f\" width=\"%.1f\" "
	    "height=\"19\" rx=\"2\"/>\n<line class=\"spread\" x1=\"%.1f\" "
	    "x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/>\n",
	    runtime % COLORS, BAR_LEFT, y, bar_x(st.median, most) - BAR_LEFT,
	    bar_x(st.min, most), bar_x(st.max, most), y + 10, y + 10);
	for (size_t i = 0; i < c->nruns; i++) {
		const struct fby_compare_run *run = &c->runs[i];

		if (run->done && run->kase == kase && run->runtime == runtime &&
		    !isnan(run->value[metric]))
			fby_str_printf(s,
			    "<circle class=\"run\" cx=\"%.1f\" cy=\"%.0f\" "
			    "r=\"2.4\"/>\n",
			    bar_x(run->value[metric], most), y + 10);
	}
	fby_str_printf(s,
	    "<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n",
	    BAR_WIDTH, y + 14,
	    fby_compare_report_value(metric, st.median, text));
}

static void
add_bars(const struct fby_compare *c, struct fby_str *s, size_t kase,
    enum fby_compare_metric metric)
{
	struct fby_compare_stat st;
	double most = 0;

	for (size_t r = 0; r < c->nruntimes; r++) {
		fby_compare_report_stat(c, kase, r, metric, &st);
		most = FBY_MAX(most, st.max);
	}
	fby_str_printf(s,
	    "<figure><figcaption>%s <span class=\"soft\">%s is better</span>"
	    "</figcaption>\n",
	    fby_compare_report_title(metric),
	    metric == FBY_COMPARE_RATE ? "more" : "less");
	open_svg(s, fby_compare_report_title(metric), BAR_WIDTH,
	    c->nruntimes * BAR_ROW + 4);
	for (size_t r = 0; r < c->nruntimes; r++)
		add_bar(c, s, kase, r, metric, most);
	fby_str_puts(s, "</svg></figure>\n");
}

/* ---- curves ----------------------------------------------------------- */

#define CURVE_WIDTH 500
#define CURVE_HEIGHT 210
#define CURVE_LEFT 48
#define CURVE_RIGHT 14
#define CURVE_BOTTOM 24
#define CURVE_TOP 10

struct curve_axes {
	double x_min, x_max, y_max; /* y begins at 0 */
	bool log_x;                 /* then x_min and x_max are round */
	const char *x_unit, *y_unit;
};

static double
curve_x(const struct curve_axes *a, double x)
{
	double part = a->log_x ? log10(FBY_MAX(x, a->x_min) / a->x_min) /
		log10(a->x_max / a->x_min) :
				 (x - a->x_min) / (a->x_max - a->x_min);

	return CURVE_LEFT + (CURVE_WIDTH - CURVE_LEFT - CURVE_RIGHT) * part;
}

static double
curve_y(const struct curve_axes *a, double y)
{
	return CURVE_HEIGHT - CURVE_BOTTOM -
	    (CURVE_HEIGHT - CURVE_BOTTOM - CURVE_TOP) * y / a->y_max;
}

/* The least of 1, 2 and 5 times a power of ten that is not below x. */
static double
round_up(double x)
{
	const double almost = 1 - 1e-9;
	const double power = pow(10, floor(log10(FBY_MAX(x, 1e-9))));
	const double part = x / power * almost;

	return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static double
round_down(double x)
{
	const double power = pow(10, floor(log10(FBY_MAX(x, 1e-9))));
	const double part = x / power;

	return power * (part < 2 ? 1 : part < 5 ? 2 : 5);
}

/* About six of them up to `most`. */
static double
nice_step(double most)
{
	return round_up(most / 6);
}

static double
next_x(const struct curve_axes *a, double x)
{
	return a->log_x ? round_up(x * 1.5) : x + nice_step(a->x_max);
}

static void
add_y_tick(struct fby_str *s, const struct curve_axes *a, double y)
{
	char text[FBY_COMPARE_TEXT];

	fby_str_printf(s,
	    "<path class=\"axis\" d=\"M%d %.1fH%d\"/>\n"
	    "<text class=\"tick\" x=\"%d\" y=\"%.1f\" "
	    "text-anchor=\"end\">%s%s</text>\n",
	    CURVE_LEFT, curve_y(a, y), CURVE_WIDTH - CURVE_RIGHT,
	    CURVE_LEFT - 5, curve_y(a, y) + 4,
	    fby_compare_report_value(FBY_COMPARE_RATE, y, text), a->y_unit);
}

static void
add_x_tick(struct fby_str *s, const struct curve_axes *a, double x, bool last)
{
	fby_str_printf(s,
	    "<path class=\"axis\" d=\"M%.1f %dv%d\"/>\n"
	    "<text class=\"tick\" x=\"%.1f\" y=\"%d\" "
	    "text-anchor=\"%s\">%g%s</text>\n",
	    curve_x(a, x), CURVE_TOP, CURVE_HEIGHT - CURVE_BOTTOM - CURVE_TOP,
	    last ? CURVE_WIDTH : curve_x(a, x), CURVE_HEIGHT - 6,
	    last ? "end" : "middle", x, last ? a->x_unit : "");
}

static void
add_axes(struct fby_str *s, const struct curve_axes *a)
{
	const double dy = nice_step(a->y_max);
	const double y_end = a->y_max * (1 + 1e-6);
	const double x_end = a->x_max * (1 + 1e-6);

	for (double y = 0; y <= y_end; y += dy)
		add_y_tick(s, a, y);
	for (double x = a->x_min; x <= x_end; x = next_x(a, x))
		add_x_tick(s, a, x, next_x(a, x) > x_end);
}

static void
open_curves(const struct fby_compare *c, struct fby_str *s, const char *title,
    const struct curve_axes *a)
{
	fby_str_puts(s, "<figure><figcaption><span class=\"soft keys\">");
	for (size_t r = 0; r < c->nruntimes; r++)
		add_key(c, s, r);
	fby_str_printf(s, "</span>%s</figcaption>\n", title);
	open_svg(s, title, CURVE_WIDTH, CURVE_HEIGHT);
	add_axes(s, a);
}

/* Records committed since the start of the process. */
static void
add_progress(const struct fby_compare *c, struct fby_str *s, size_t kase)
{
	struct curve_axes a = { 0, 0, 0, false, " s", "" };

	for (size_t i = 0; i < c->nruns; i++)
		if (c->runs[i].done && c->runs[i].kase == kase) {
			a.x_max = FBY_MAX(a.x_max, (double)c->runs[i].ms / 1e3);
			a.y_max = FBY_MAX(a.y_max, (double)c->runs[i].records);
		}
	if (a.y_max <= 0)
		return;
	a.x_max = ceil(a.x_max / nice_step(a.x_max)) * nice_step(a.x_max);
	open_curves(c, s, "records committed, by time since the start", &a);
	for (size_t i = 0; i < c->nruns; i++) {
		const struct fby_compare_run *run = &c->runs[i];

		if (!run->done || run->kase != kase)
			continue;
		fby_str_printf(s, "<polyline class=\"curve c%zu\" points=\"",
		    run->runtime % COLORS);
		for (size_t k = 0; k < run->nsamples; k++)
			fby_str_printf(s, "%.1f,%.1f ",
			    curve_x(&a, (double)run->samples[k].ms / 1e3),
			    curve_y(&a, (double)run->samples[k].records));
		fby_str_puts(s, "\"/>\n");
	}
	fby_str_puts(s, "</svg></figure>\n");
}

/* Which part of all records took at most so long. */
static void
add_distribution(const struct fby_compare *c, struct fby_str *s, size_t kase)
{
	struct curve_axes a = { HUGE_VAL, 0, 100, true, " ms", "%" };

	for (size_t i = 0; i < c->nruns; i++) {
		const struct fby_compare_run *run = &c->runs[i];

		if (run->nlatency == 0 || run->kase != kase)
			continue;
		a.x_min = FBY_MIN(a.x_min, run->latency[0]);
		a.x_max = FBY_MAX(a.x_max, run->latency[run->nlatency - 1]);
	}
	if (a.x_max <= 0)
		return;
	a.x_min = round_down(FBY_MAX(a.x_min, 1e-3));
	a.x_max = FBY_MAX(round_up(a.x_max), a.x_min * 10);
	open_curves(c, s, "share of records, by latency", &a);
	for (size_t i = 0; i < c->nruns; i++) {
		const struct fby_compare_run *run = &c->runs[i];
		size_t step = FBY_MAX(run->nlatency / 500, 1);

		if (run->nlatency == 0 || run->kase != kase)
			continue;
		fby_str_printf(s, "<polyline class=\"curve c%zu\" points=\"",
		    run->runtime % COLORS);
		for (size_t k = 0; k < run->nlatency; k += step)
			fby_str_printf(s, "%.1f,%.1f ",
			    curve_x(&a, run->latency[k]),
			    curve_y(&a,
				100.0 * (double)(k + 1) /
				    (double)run->nlatency));
		fby_str_puts(s, "\"/>\n");
	}
	fby_str_puts(s, "</svg></figure>\n");
}

/* ---- tables ----------------------------------------------------------- */

static void
add_cells(const struct fby_compare *c, struct fby_str *s, size_t kase,
    size_t runtime, enum fby_compare_metric metric)
{
	char min[FBY_COMPARE_TEXT], mid[FBY_COMPARE_TEXT],
	    max[FBY_COMPARE_TEXT];
	struct fby_compare_stat st, first;

	fby_compare_report_stat(c, kase, runtime, metric, &st);
	if (st.n == 0) {
		fby_str_puts(s, "<td>&#8211;</td><td></td>");
	} else {
		fby_str_printf(s,
		    "<td>%s</td><td class=\"soft\">%s &#8211; %s</td>",
		    fby_compare_report_value(metric, st.median, mid),
		    fby_compare_report_value(metric, st.min, min),
		    fby_compare_report_value(metric, st.max, max));
	}
	if (runtime == 0)
		return;
	fby_compare_report_stat(c, kase, 0, metric, &first);
	if (st.n > 0 && first.n > 0 && first.median > 0)
		fby_str_printf(s, "<td>%.2f</td>", st.median / first.median);
	else
		fby_str_puts(s, "<td></td>");
}

static void
add_table(const struct fby_compare *c, struct fby_str *s, size_t kase)
{
	fby_str_puts(s, "<div class=\"scroll\"><table>\n<tr><th></th>");
	for (size_t r = 0; r < c->nruntimes; r++) {
		fby_str_puts(s, "<th>");
		add_key(c, s, r);
		fby_str_puts(s, ", median</th><th>least &#8211; most</th>");
		if (r > 0) {
			fby_str_puts(s, "<th>");
			add_text(s, c->runtimes[r]);
			fby_str_puts(s, " / ");
			add_text(s, c->runtimes[0]);
			fby_str_puts(s, "</th>");
		}
	}
	fby_str_puts(s, "</tr>\n");
	for (int i = 0; i < FBY_COMPARE_METRICS_N; i++) {
		const enum fby_compare_metric metric = (enum fby_compare_metric)
		    i;

		if (!fby_compare_report_has(c, kase, metric))
			continue;
		fby_str_printf(s, "<tr><td>%s</td>",
		    fby_compare_report_title(metric));
		for (size_t r = 0; r < c->nruntimes; r++)
			add_cells(c, s, kase, r, metric);
		fby_str_puts(s, "</tr>\n");
	}
	fby_str_puts(s, "</table></div>\n");
}

/* ---- the page --------------------------------------------------------- */

static void
add_facts(const struct fby_compare *c, struct fby_str *s)
{
	char machine[FBY_COMPARE_TEXT * 2], when[FBY_CLOCK_TEXT];
	char *notes = fby_compare_report_notes(c);

	fby_str_puts(s, "<h1>");
	for (size_t r = 0; r < c->nruntimes; r++) {
		fby_str_puts(s, r > 0 ? " beside " : "");
		add_text(s, c->runtimes[r]);
	}
	fby_str_puts(s, ": ");
	add_text(s, c->m->name);
	fby_str_printf(s,
	    "</h1>\n<p class=\"soft\">%s, %" PRId64 " rounds by turns, "
	    "sink %s, latency at %" PRId64 " records/s, on ",
	    fby_clock_text(fby_clock_wall(), when), c->rounds,
	    c->as_is ? "as is" : "blackhole", c->rate);
	add_text(s, fby_compare_report_machine(machine));
	fby_str_printf(s,
	    "; forebay %s, librdkafka %s.</p>\n<p class=\"soft\">", FBY_VERSION,
	    rd_kafka_version_str());
	add_text(s, notes);
	fby_str_puts(s, "</p>\n");
	free(notes);
}

static void
add_case(const struct fby_compare *c, struct fby_str *s, size_t kase)
{
	char name[FBY_COMPARE_TEXT];

	fby_str_puts(s, "<h2>");
	add_text(s, fby_compare_report_case(c, kase, name));
	fby_str_puts(s, "</h2>\n");
	add_table(c, s, kase);
	fby_str_puts(s, "<div class=\"plots curves\">\n");
	add_progress(c, s, kase);
	add_distribution(c, s, kase);
	fby_str_puts(s, "</div>\n<div class=\"plots bars\">\n");
	for (int i = 0; i < FBY_COMPARE_METRICS_N; i++)
		if (fby_compare_report_has(c, kase, (enum fby_compare_metric)i))
			add_bars(c, s, kase, (enum fby_compare_metric)i);
	fby_str_puts(s, "</div>\n");
}

char *
fby_compare_html_make(const struct fby_compare *c)
{
	const char *gap = strstr(page, GAP);
	struct fby_str s;

	FBY_BUG_ON(gap == NULL);
	fby_str_init(&s);
	fby_str_add(&s, page, (size_t)(gap - page));
	add_facts(c, &s);
	for (size_t i = 0; i < c->ncases; i++)
		add_case(c, &s, i);
	fby_str_puts(&s, gap + strlen(GAP));
	return fby_str_take(&s);
}
