/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the comparison has come; see compare/progress.h.
 */
#include "shared/fby.h"

#include "master/compare/progress.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/base/clock.h"

#include "master/cli/format.h"

#define DRAW_MS 100
#define BAR 24

void
fby_compare_progress_init(struct fby_compare_progress *p, size_t steps)
{
	const char *term = getenv("TERM");
	struct winsize ws;

	*p = (struct fby_compare_progress){ .steps = steps,
		.started = fby_clock_mono() };
	p->is_tty = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	p->width = 80;
	if (p->is_tty && ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 &&
	    ws.ws_col > 0)
		p->width = ws.ws_col;
}

void
fby_compare_progress_clear(struct fby_compare_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

static void
draw(struct fby_compare_progress *p, double part)
{
	const double all = ((double)p->done + part) /
	    (double)FBY_MAX(p->steps, 1);
	const int full = (int)(all * BAR);
	const int64_t gone = fby_clock_mono() - p->started;
	char line[256], left[FBY_FORMAT] = "";

	/* Not before there is something to judge by. */
	if (all > 0.02)
		fby_format_age((int64_t)((double)gone / all * (1 - all)), left);
	/* What it does is cut where the terminal ends, so it is the last. */
	snprintf(line, sizeof(line), "[%.*s%*s] %3d%%  %s%s%s%s", full,
	    "########################", BAR - full, "", (int)(all * 100),
	    *left ? "left " : "", left, *left ? "  " : "", p->what);
	fprintf(stderr, "\r%.*s\033[K", p->width - 1, line);
	fflush(stderr);
	p->shown = true;
}

void
fby_compare_progress_step(struct fby_compare_progress *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->what, sizeof(p->what), fmt, ap);
	va_end(ap);
	p->drawn = 0;
	fby_compare_progress_part(p, 0);
}

void
fby_compare_progress_part(struct fby_compare_progress *p, double part)
{
	int64_t now = fby_clock_mono();

	if (!p->is_tty || now - p->drawn < DRAW_MS)
		return;
	p->drawn = now;
	draw(p, part);
}

void
fby_compare_progress_end(struct fby_compare_progress *p, const char *fmt, ...)
{
	va_list ap;

	p->done++;
	if (p->is_tty)
		return;
	fprintf(stderr, "%zu/%zu %s: ", p->done, p->steps, p->what);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
