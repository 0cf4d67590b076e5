/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities for people; see format.h.
 */
#include "shared/fby.h"

#include "master/cli/format.h"

#include <math.h>

#include "shared/base/clock.h"

/* 9.9, 10, 999 of a unit; the next one from 999.5 on. */
static const char *
scaled(double n, double step, const char *const *units, char *buf)
{
	int i = 0;

	while (n >= (step == 1000 ? 999.5 : 1023.5) && units[i + 1]) {
		n /= step;
		i++;
	}
	snprintf(buf, FBY_FORMAT, i > 0 && n < 9.95 ? "%.1f%s" : "%.0f%s", n,
	    units[i]);
	return buf;
}

const char *
fby_format_count(double n, char buf[FBY_FORMAT])
{
	static const char *const units[] = { "", "k", "M", "G", "T", NULL };

	/* Rates below ten are worth a digit, if there is anything in it. */
	if (n < 9.95 && fabs(n - round(n)) >= 0.05) {
		snprintf(buf, FBY_FORMAT, "%.1f", n);
		return buf;
	}
	return scaled(n, 1000, units, buf);
}

const char *
fby_format_bytes(double n, char buf[FBY_FORMAT])
{
	static const char *const units[] = { "B", "K", "M", "G", "T", NULL };

	return scaled(n, 1024, units, buf);
}

const char *
fby_format_age(int64_t ms, char buf[FBY_FORMAT])
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(buf, FBY_FORMAT, "%dms", (int)ms);
	else if (s < 10)
		snprintf(buf, FBY_FORMAT, "%.1fs", (double)ms / 1000);
	else if (s < 60)
		snprintf(buf, FBY_FORMAT, "%ds", (int)s);
	else if (s < 3600)
		snprintf(buf, FBY_FORMAT, "%dm%02ds", (int)s / 60, (int)s % 60);
	else if (s < 86400)
		snprintf(buf, FBY_FORMAT, "%dh%02dm", (int)s / 3600,
		    (int)s / 60 % 60);
	else
		snprintf(buf, FBY_FORMAT, "%" PRId64 "d%02dh", s / 86400,
		    (int)(s / 3600 % 24));
	return buf;
}

const char *
fby_format_watermark(int64_t wm, int64_t now, char buf[FBY_FORMAT])
{
	char when[FBY_CLOCK_TEXT], today[FBY_CLOCK_TEXT], age[FBY_FORMAT];
	const char *clock = strchr(fby_clock_text(wm, when), 'T');
	int64_t behind;
	int n;

	/* What a damaged ledger or a strange master says is no time. */
	if (clock == NULL || now < 0)
		return "-";
	behind = now - wm;
	fby_clock_text(now, today);
	fby_format_age(behind < 0 ? -behind : behind, age);
	if (strncmp(when, today, (size_t)(clock - when)) == 0)
		n = snprintf(buf, FBY_FORMAT, "%.12s", clock + 1);
	else
		n = snprintf(buf, FBY_FORMAT, "%.*s %.8s", (int)(clock - when),
		    when, clock + 1);
	snprintf(buf + n, FBY_FORMAT - (size_t)n,
	    behind < 0 ? " in %s" : " %s ago", age);
	return buf;
}
