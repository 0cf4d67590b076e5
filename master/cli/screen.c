/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output of the commands; see screen.h.
 */
#include "shared/fby.h"

#include "master/cli/screen.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

void
fby_screen_init(struct fby_screen *r)
{
	const char *term = getenv("TERM"), *none = getenv("NO_COLOR");
	const char *columns = getenv("COLUMNS");
	struct winsize ws;

	*r = (struct fby_screen){ .now = fby_clock_wall() };
	if (isatty(STDOUT_FILENO)) {
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
			r->width = ws.ws_col;
		/* no-color.org: set, to anything but nothing. */
		r->color = term && strcmp(term, "dumb") != 0 &&
		    (none == NULL || *none == '\0');
	} else if (columns) {
		r->width = (int)strtol(columns, NULL, 10);
	}
}

void
fby_screen_text(const char *text)
{
	fputs(text, stdout);
}

static void
put_lines(FILE *out, const char *text)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_printable_lines(&s, text);
	fputs(s.p, out);
	fby_str_fini(&s);
}

void
fby_screen_lines(FILE *out, const char *text)
{
	size_t len = strlen(text);

	put_lines(out, text);
	if (len == 0 || text[len - 1] != '\n')
		fputc('\n', out);
}

void
fby_screen_complain(const char *text)
{
	put_lines(stderr, text);
}

void
fby_screen_json(const json_t *o)
{
	/* Beyond ASCII there are control characters, too, and one at its end.
	 */
	const bool plain = isatty(STDOUT_FILENO);
	char *text = json_dumps(o,
	    JSON_INDENT(2) | (plain ? JSON_ENSURE_ASCII : 0));

	if (text == NULL)
		fby_mem_fatal();
	for (const char *p = text; *p; p++)
		if (plain && *p == 0x7f)
			fputs("\\u007f", stdout);
		else
			fputc(*p, stdout);
	fputc('\n', stdout);
	free(text);
}

int
fby_screen_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "forebay: standard output: %s\n", strerror(errno));
	return -1;
}
