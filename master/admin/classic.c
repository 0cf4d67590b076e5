/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus' text format 0.0.4; see classic.h.
 */
#include "shared/fby.h"

#include "master/admin/classic.h"

#include "shared/base/str.h"

static bool
begins(const char *line, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(line, with, n) == 0;
}

/* "NAME REST": the name's length; 0: there is none, or it is too long. */
static size_t
name_len(const char *text, size_t len)
{
	const char *blank = memchr(text, ' ', len);
	size_t n = blank ? (size_t)(blank - text) : len;

	return n < FBY_CLASSIC_NAME ? n : 0;
}

static void
take_type(struct fby_classic *f, const char *text, size_t len)
{
	static const struct {
		const char *open, *suffix, *classic;
	} types[] = {
		{ " counter", "_total", "counter" },
		{ " info", "_info", "gauge" },
		{ " stateset", "", "gauge" },
		{ " histogram", "", "histogram" },
	};
	size_t n = name_len(text, len);

	memcpy(f->name, text, n);
	f->name[n] = '\0';
	f->suffix = "";
	f->type = "gauge";
	for (size_t i = 0; i < FBY_NELEM(types); i++)
		if (len - n == strlen(types[i].open) &&
		    memcmp(text + n, types[i].open, len - n) == 0) {
			f->suffix = types[i].suffix;
			f->type = types[i].classic;
		}
}

static void
write_line(struct fby_str *s, struct fby_classic *f, const char *line,
    size_t len)
{
	size_t n;

	if (begins(line, len, "# TYPE ")) {
		take_type(f, line + 7, len - 7);
		fby_str_printf(s, "# TYPE %s%s %s\n", f->name, f->suffix,
		    f->type);
	} else if (begins(line, len, "# HELP ")) {
		n = name_len(line + 7, len - 7);
		fby_str_printf(s, "# HELP %s%s", f->name, f->suffix);
		fby_str_add(s, line + 7 + n, len - 7 - n);
		fby_str_puts(s, "\n");
	} else if (!begins(line, len, "#")) {
		fby_str_add(s, line, len);
		fby_str_puts(s, "\n");
	}
}

size_t
fby_classic_write(struct fby_classic *f, struct fby_str *s, const char *text,
    size_t len, size_t most)
{
	const char *at = text, *end = text + len;

	while (at < end && (size_t)(at - text) < most) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t n = lf ? (size_t)(lf - at) : (size_t)(end - at);

		write_line(s, f, at, n);
		at += n + (lf != NULL);
	}
	return (size_t)(at - text);
}
