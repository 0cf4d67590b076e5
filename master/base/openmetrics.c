/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text format of OpenMetrics; see openmetrics.h.
 */
#include "shared/fby.h"

#include "master/base/openmetrics.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"

static const struct {
	const char *name, *suffix;
} types[] = {
	[FBY_OPENMETRICS_COUNTER] = { "counter", "_total" },
	[FBY_OPENMETRICS_GAUGE] = { "gauge", "" },
	[FBY_OPENMETRICS_HISTOGRAM] = { "histogram", "" },
	[FBY_OPENMETRICS_INFO] = { "info", "_info" },
	[FBY_OPENMETRICS_STATESET] = { "stateset", "" },
};

const char *
fby_openmetrics_type_name(enum fby_openmetrics_type type)
{
	return types[type].name;
}

const char *
fby_openmetrics_suffix(enum fby_openmetrics_type type)
{
	return types[type].suffix;
}

static void
escape(struct fby_str *s, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fby_str_puts(s, "\\n");
		else if (*text == '\\' || *text == '"')
			fby_str_printf(s, "\\%c", *text);
		else
			fby_str_add(s, text, 1);
	}
}

void
fby_openmetrics_label(struct fby_str *labels, const char *name,
    const char *value)
{
	if (labels->len > 0)
		fby_str_puts(labels, ",");
	fby_str_printf(labels, "%s=\"", name);
	escape(labels, value);
	fby_str_puts(labels, "\"");
}

void
fby_openmetrics_head(struct fby_str *s, const struct fby_openmetrics_family *f)
{
	fby_str_printf(s, "# TYPE %s %s\n", f->name, types[f->type].name);
	if (f->unit)
		fby_str_printf(s, "# UNIT %s %s\n", f->name, f->unit);
	fby_str_printf(s, "# HELP %s ", f->name);
	escape(s, f->help);
	fby_str_puts(s, "\n");
}

static void
sample(struct fby_str *s, const char *name, const char *suffix,
    const char *labels, double value)
{
	fby_str_printf(s, "%s%s", name, suffix);
	if (*labels)
		fby_str_printf(s, "{%s}", labels);
	/* Fifteen digits are what a double keeps of any decimal number. */
	fby_str_printf(s, " %.15g\n", value);
}

void
fby_openmetrics_sample(struct fby_str *s,
    const struct fby_openmetrics_family *f, const char *labels, double value)
{
	sample(s, f->name, types[f->type].suffix, labels, value);
}

void
fby_openmetrics_states(struct fby_str *s,
    const struct fby_openmetrics_family *f, const char *labels,
    const char *const *states, size_t n, size_t now)
{
	struct fby_str all;

	fby_str_init(&all);
	for (size_t i = 0; i < n; i++) {
		fby_str_reset(&all);
		fby_str_puts(&all, labels);
		fby_openmetrics_label(&all, f->name, states[i]);
		sample(s, f->name, "", all.p, i == now);
	}
	fby_str_fini(&all);
}

/* strconv.FormatFloat(x, 'g', -1, 64), but 1.0 for 1. */
const char *
fby_openmetrics_bound(double bound, char buf[FBY_OPENMETRICS_NUMBER])
{
	int exponent = 0, digits = 1;
	char *e;

	/* The fewest digits that say exactly this number. */
	do
		snprintf(buf, FBY_OPENMETRICS_NUMBER, "%.*e", digits - 1,
		    bound);
	while (strtod(buf, NULL) != bound && digits++ < 17);
	if ((e = strchr(buf, 'e')) != NULL)
		exponent = (int)strtol(e + 1, NULL, 10);
	if (exponent < -4 || exponent >= 6)
		return buf;
	snprintf(buf, FBY_OPENMETRICS_NUMBER, "%.*f",
	    FBY_MAX(digits - 1 - exponent, 1), bound);
	return buf;
}

void
fby_openmetrics_histogram(struct fby_str *s,
    const struct fby_openmetrics_family *f, const char *labels,
    const double *bounds, size_t n, const uint64_t *buckets, double sum)
{
	char bound[FBY_OPENMETRICS_NUMBER];
	struct fby_str all;
	uint64_t count = 0;

	fby_str_init(&all);
	for (size_t i = 0; i <= n; i++) {
		count += buckets[i];
		fby_str_reset(&all);
		fby_str_puts(&all, labels);
		fby_openmetrics_label(&all, "le",
		    i < n ? fby_openmetrics_bound(bounds[i], bound) : "+Inf");
		sample(s, f->name, "_bucket", all.p, (double)count);
	}
	fby_str_fini(&all);
	sample(s, f->name, "_count", labels, (double)count);
	sample(s, f->name, "_sum", labels, sum);
}

void
fby_openmetrics_end(struct fby_str *s)
{
	fby_str_puts(s, "# EOF\n");
}

/* ---- reading ---------------------------------------------------------- */

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == ':';
}

/* Behind the value's closing quote; NULL: there is none. */
static const char *
skip_quoted(const char *p, const char *end)
{
	for (; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : NULL;
}

/* From behind { to behind }; NULL: they do not end on this line. */
static const char *
skip_labels(const char *p, const char *end)
{
	while (p && p < end && *p != '}')
		p = *p == '"' ? skip_quoted(p + 1, end) : p + 1;
	return p && p < end ? p + 1 : NULL;
}

static int
read_value(const char *p, const char *end, double *value)
{
	char number[64], *behind;
	size_t len = 0;

	while (p + len < end && p[len] != ' ')
		len++;
	if (len == 0 || len >= sizeof(number))
		return -1;
	memcpy(number, p, len);
	number[len] = '\0';
	*value = strtod(number, &behind);
	return *behind == '\0' ? 1 : -1;
}

/* A line without its newline: NAME[{LABELS}] VALUE[ TIME...] */
static int
read_sample(const char *p, const char *end, struct fby_openmetrics_reading *r)
{
	*r = (struct fby_openmetrics_reading){ .name = p, .labels = "" };
	while (p < end && is_name(*p))
		p++;
	r->name_len = (size_t)(p - r->name);
	if (p < end && *p == '{') {
		r->labels = p + 1;
		if ((p = skip_labels(p + 1, end)) == NULL)
			return -1;
		r->labels_len = (size_t)(p - 1 - r->labels);
	}
	if (r->name_len == 0 || p == end || *p != ' ')
		return -1;
	return read_value(p + 1, end, &r->value);
}

int
fby_openmetrics_read(const char **p, const char *end,
    struct fby_openmetrics_reading *r)
{
	static const char eof[] = "# EOF";

	while (*p < end) {
		const char *line = *p;
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((nl ? nl : end) - line);

		if (len == sizeof(eof) - 1 && memcmp(line, eof, len) == 0)
			return 0;
		if (nl == NULL)
			return -1;
		*p = nl + 1;
		if (len > 0 && *line != '#')
			return read_sample(line, nl, r);
	}
	return -1;
}

/* Label names have no quotes, so a match outside of values is one. */
char *
fby_openmetrics_read_label(const struct fby_openmetrics_reading *r,
    const char *name)
{
	const char *p = r->labels, *end = r->labels + r->labels_len;
	size_t len = strlen(name);

	while (p && p < end) {
		const char *equals = memchr(p, '=', (size_t)(end - p));
		const char *value;

		if (equals == NULL || end - equals < 2 || equals[1] != '"')
			return NULL;
		value = equals + 2;
		if ((size_t)(equals - p) == len && memcmp(p, name, len) == 0) {
			const char *behind = skip_quoted(value, end);

			return behind ?
			    fby_strndup(value, (size_t)(behind - 1 - value)) :
			    NULL;
		}
		if ((p = skip_quoted(value, end)) != NULL && p < end &&
		    *p == ',')
			p++;
	}
	return NULL;
}
