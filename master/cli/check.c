/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line for a monitoring system; see check.h.
 */
#include "shared/fby.h"

#include "master/cli/check.h"

#include "shared/base/str.h"

static const char *const words[] = {
	[FBY_CHECK_OK] = "OK",
	[FBY_CHECK_WARNING] = "WARNING",
	[FBY_CHECK_CRITICAL] = "CRITICAL",
	[FBY_CHECK_UNKNOWN] = "UNKNOWN",
};

static const char *
text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "?";
}

/* Of one line, and without the sign that figures begin with. */
static void
add_text(struct fby_str *s, const char *text)
{
	size_t from = s->len;

	fby_str_printable(s, text, strlen(text));
	for (char *p = s->p + from; *p; p++)
		if (*p == '|')
			*p = '/';
}

static void
begin(struct fby_str *s, enum fby_check check)
{
	fby_str_printf(s, "FOREBAY %s - ", words[check]);
}

/* ---- what is wrong ---------------------------------------------------- */

/* Since it is said to be so; what is no boolean is taken for the worse. */
static bool
is_serious(const json_t *alarm)
{
	return !json_is_false(json_object_get(alarm, "unready"));
}

static bool
is_reload_refused(const json_t *status)
{
	return json_is_false(
	    json_object_get(json_object_get(status, "manifest"), "last_ok"));
}

static size_t
count_serious(const json_t *list)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		n += is_serious(json_array_get(list, i));
	return n;
}

static enum fby_check
state_of(const json_t *status)
{
	const json_t *alarms = json_object_get(status, "alarms");

	if (!json_is_array(alarms) || json_object_get(status, "ready") == NULL)
		return FBY_CHECK_UNKNOWN;
	if (!json_is_true(json_object_get(status, "ready")) ||
	    count_serious(alarms) > 0)
		return FBY_CHECK_CRITICAL;
	if (json_array_size(alarms) > 0 || is_reload_refused(status))
		return FBY_CHECK_WARNING;
	return FBY_CHECK_OK;
}

static void
add_alarms(struct fby_str *s, const json_t *list, bool serious)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		if (is_serious(o) != serious)
			continue;
		fby_str_puts(s, "; ");
		add_text(s, text_of(o, "what"));
		fby_str_puts(s, ": ");
		add_text(s, text_of(o, "text"));
	}
}

static void
add_reasons(struct fby_str *s, const json_t *status)
{
	const json_t *alarms = json_object_get(status, "alarms");

	add_alarms(s, alarms, true);
	/* The reason is one of those, if there are any. */
	if (!json_is_true(json_object_get(status, "ready")) &&
	    count_serious(alarms) == 0) {
		fby_str_puts(s, "; not ready: ");
		add_text(s, text_of(status, "reason"));
	}
	add_alarms(s, alarms, false);
	if (is_reload_refused(status))
		fby_str_puts(s, "; the last reload was refused");
}

/* ---- figures ---------------------------------------------------------- */

/* U is how the guidelines write what is unknown. */
static void
add_figures(struct fby_str *s, const json_t *status)
{
	const json_t *lag = json_object_get(status, "lag");

	if (json_is_integer(lag))
		fby_str_printf(s, " | lag=%" JSON_INTEGER_FORMAT,
		    json_integer_value(lag));
	else
		fby_str_puts(s, " | lag=U");
	fby_str_printf(s, " records_per_second=%.1f partitions=%zu alarms=%zu",
	    json_number_value(json_object_get(status, "records_per_s")),
	    json_array_size(json_object_get(status, "partitions")),
	    json_array_size(json_object_get(status, "alarms")));
}

void
fby_check_unknown(const char *why, struct fby_str *line)
{
	begin(line, FBY_CHECK_UNKNOWN);
	add_text(line, why);
}

enum fby_check
fby_check_status(const json_t *status, struct fby_str *line)
{
	enum fby_check check = state_of(status);

	if (check == FBY_CHECK_UNKNOWN) {
		fby_check_unknown("the answer is none of a master", line);
		return check;
	}
	begin(line, check);
	add_text(line, text_of(status, "name"));
	fby_str_puts(line, " is ");
	add_text(line, text_of(status, "state"));
	add_reasons(line, status);
	add_figures(line, status);
	return check;
}
