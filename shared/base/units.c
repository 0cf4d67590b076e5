/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities as operators write them; see units.h.
 */
#include "shared/fby.h"

#include "shared/base/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"

struct unit {
	const char *name;
	int64_t size;
};

/* Longest first where one is the beginning of another. */
static const struct unit duration_units[] = {
	/* in nanoseconds */
	{ "ns", 1 },
	{ "us", 1000 },
	{ "µs", 1000 }, /* micro sign */
	{ "μs", 1000 }, /* Greek mu */
	{ "ms", 1000000 },
	{ "s", INT64_C(1000000000) },
	{ "m", INT64_C(60000000000) },
	{ "h", INT64_C(3600000000000) },
};

static const struct unit bytes_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "k", 1000 },
	{ "kB", 1000 },
	{ "KB", 1000 },
	{ "M", 1000000 },
	{ "MB", 1000000 },
	{ "G", 1000000000 },
	{ "GB", 1000000000 },
	{ "T", INT64_C(1000000000000) },
	{ "TB", INT64_C(1000000000000) },
	{ "Ki", INT64_C(1) << 10 },
	{ "KiB", INT64_C(1) << 10 },
	{ "Mi", INT64_C(1) << 20 },
	{ "MiB", INT64_C(1) << 20 },
	{ "Gi", INT64_C(1) << 30 },
	{ "GiB", INT64_C(1) << 30 },
	{ "Ti", INT64_C(1) << 40 },
	{ "TiB", INT64_C(1) << 40 },
};

static const char too_large[] = "which is too large";

/* ---- durations -------------------------------------------------------- */

/* The digits at p with a point among them, as nanoseconds of this unit. */
static const char *
scale(const char *p, size_t len, int64_t size, int64_t *ns)
{
	int64_t whole = 0, digit, fraction = 0, place = size;
	const char *end = p + len;

	for (; p < end && *p != '.'; p++) {
		digit = *p - '0';
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, digit, &whole))
			return too_large;
	}
	if (__builtin_mul_overflow(whole, size, &whole))
		return too_large;
	for (p++; p < end && place > 0; p++) {
		/* What is left below a nanosecond still counts upward. */
		fraction += (*p - '0') * (place / 10);
		if (place < 10 && *p != '0') {
			fraction++;
			break;
		}
		place /= 10;
	}
	return __builtin_add_overflow(whole, fraction, ns) ? too_large : NULL;
}

static const struct unit *
duration_unit(const char *p)
{
	for (size_t i = 0; i < FBY_NELEM(duration_units); i++) {
		const struct unit *u = &duration_units[i];
		const size_t len = strlen(u->name);

		/* "m" must not swallow the beginning of "ms". */
		if (strncmp(p, u->name, len) == 0 &&
		    (p[len] == '\0' || p[len] == '.' ||
			isdigit((unsigned char)p[len])))
			return u;
	}
	return NULL;
}

const char *
fby_units_duration(const char *text, int64_t *ms)
{
	const bool negative = *text == '-';
	const char *p = text + (*text == '-' || *text == '+');
	const char *wrong;
	int64_t sum = 0, part;

	if (strcmp(p, "0") == 0) {
		*ms = 0;
		return NULL;
	}
	if (*p == '\0')
		return "which is no duration";
	while (*p) {
		const size_t len = strspn(p, "0123456789.");
		const struct unit *u;

		if (len == 0 || (len == 1 && *p == '.') ||
		    memchr(p, '.', len) != memrchr(p, '.', len))
			return "which is no duration";
		if (p[len] == '\0')
			return "which has no unit";
		u = duration_unit(p + len);
		if (u == NULL)
			return "which has an unknown unit";
		wrong = scale(p, len, u->size, &part);
		if (wrong)
			return wrong;
		if (__builtin_add_overflow(sum, part, &sum))
			return too_large;
		p += len + strlen(u->name);
	}
	*ms = sum / 1000000 + (sum % 1000000 != 0);
	if (negative)
		*ms = -*ms;
	return NULL;
}

char *
fby_units_duration_text(struct fby_pool *pool, int64_t ms)
{
	static const struct unit units[] = {
		{ "h", 3600000 },
		{ "m", 60000 },
		{ "s", 1000 },
		{ "ms", 1 },
	};
	uint64_t rest = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	struct fby_str s;
	char *text;

	fby_str_init(&s);
	if (ms < 0)
		fby_str_puts(&s, "-");
	for (size_t i = 0; i < FBY_NELEM(units); i++) {
		const uint64_t size = (uint64_t)units[i].size;

		if (rest / size > 0)
			fby_str_printf(&s, "%" PRIu64 "%s", rest / size,
			    units[i].name);
		rest %= size;
	}
	if (ms == 0)
		fby_str_puts(&s, "0s");
	text = fby_pstrdup(pool, s.p);
	fby_str_fini(&s);
	return text;
}

/* ---- sizes ------------------------------------------------------------ */

const char *
fby_units_bytes(const char *text, int64_t *bytes)
{
	char *end;
	long long n;

	if (!isdigit((unsigned char)*text))
		return "which is no size";
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno == ERANGE)
		return too_large;
	for (size_t i = 0; i < FBY_NELEM(bytes_units); i++) {
		if (strcmp(end, bytes_units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(n, bytes_units[i].size, bytes))
			return too_large;
		return NULL;
	}
	return "which has an unknown unit";
}

char *
fby_units_bytes_text(struct fby_pool *pool, int64_t bytes)
{
	static const char *const units[] = { "TiB", "GiB", "MiB", "KiB" };

	for (unsigned i = 0; i < FBY_NELEM(units); i++) {
		const int64_t size = INT64_C(1) << (10 * (4 - i));

		if (bytes > 0 && bytes % size == 0)
			return fby_psprintf(pool, "%" PRId64 "%s", bytes / size,
			    units[i]);
	}
	return fby_psprintf(pool, "%" PRId64, bytes);
}

/* ---- numbers ---------------------------------------------------------- */

const char *
fby_units_int(const char *text, int64_t *n)
{
	const char *digits = text + (*text == '-' || *text == '+');

	if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return "which is no whole number";
	errno = 0;
	*n = strtoll(text, NULL, 10);
	return errno == ERANGE ? too_large : NULL;
}

const char *
fby_units_num(const char *text, double *x)
{
	char *end;

	if (text[strspn(text, "0123456789.eE+-")] != '\0')
		return "which is no number";
	*x = strtod(text, &end);
	if (end == text || *end != '\0')
		return "which is no number";
	return isfinite(*x) ? NULL : too_large;
}

/* ---- CPUs ------------------------------------------------------------- */

const char *
fby_units_cpus(const char *text, bool used[FBY_UNITS_CPUS_MAX])
{
	static const char wrong[] = "which is no set of CPUs";
	const char *p = text;
	char *end;

	for (;;) {
		unsigned long first, last;

		p += strspn(p, " ");
		if (!isdigit((unsigned char)*p))
			return wrong;
		first = last = strtoul(p, &end, 10);
		p = end;
		if (*p == '-') {
			if (!isdigit((unsigned char)*++p))
				return wrong;
			last = strtoul(p, &end, 10);
			p = end;
		}
		if (first > last)
			return wrong;
		if (last >= FBY_UNITS_CPUS_MAX)
			return too_large;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			used[cpu] = true;
		p += strspn(p, " ");
		if (*p == '\0')
			return NULL;
		if (*p++ != ',')
			return wrong;
	}
}

const char *
fby_units_offset_text(char buf[FBY_UNITS_OFFSET], int64_t offset,
    const char *none)
{
	if (offset < 0)
		return none;
	snprintf(buf, FBY_UNITS_OFFSET, "%" PRId64, offset);
	return buf;
}
