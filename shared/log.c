/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log; see log.h.
 */
#include "shared/fby.h"

#include "shared/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"

#define LINE_BYTES 4096

static const char *const level_names[] = {
	[FBY_LOG_CRIT] = "crit",
	[FBY_LOG_ERR] = "error",
	[FBY_LOG_WARN] = "warn",
	[FBY_LOG_NOTICE] = "notice",
	[FBY_LOG_INFO] = "info",
	[FBY_LOG_DEBUG] = "debug",
};

static enum fby_log_level threshold = FBY_LOG_INFO;
static const char *who = "forebay";
static bool to_journal;

/* systemd writes the device and inode of the stream it gave us. */
static bool
stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return env && sscanf(env, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	    st.st_ino == ino;
}

void
fby_log_init(const char *ident)
{
	who = ident;
	to_journal = stderr_is_journal();
}

void
fby_log_set_level(enum fby_log_level level)
{
	threshold = level;
}

bool
fby_log_enabled(enum fby_log_level level)
{
	return level <= threshold;
}

int
fby_log_level_find(const char *name)
{
	for (int i = FBY_LOG_CRIT; i <= FBY_LOG_DEBUG; i++)
		if (strcmp(name, level_names[i]) == 0)
			return i;
	return -1;
}

int
fby_log_reopen(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd == -1)
		return -1;
	if (dup2(fd, STDERR_FILENO) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	close(fd);
	to_journal = false;
	return 0;
}

/* ---- what a terminal would act on ------------------------------------- */

/* Of a text in UTF-8: C0 without the blank, DEL, C1. */
static bool
is_control(const unsigned char *p)
{
	return *p < ' ' || *p == 0x7f ||
	    (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);
}

/* Returns the length; `to` is filled as far as it goes. */
static size_t
escape(char *to, size_t size, const char *from)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (const unsigned char *p = (const void *)from; *p && n + 4 < size;
	     p++) {
		if (*p == '\n') {
			to[n++] = ' ';
		} else if (is_control(p)) {
			/* Of the two bytes of a C1 character, the second. */
			p += *p == 0xc2;
			to[n++] = '\\';
			to[n++] = 'x';
			to[n++] = hex[*p >> 4];
			to[n++] = hex[*p & 15];
		} else {
			to[n++] = (char)*p;
		}
	}
	return n;
}

/* ---- repeats ---------------------------------------------------------- */

#define FORMATS 64 /* that are said within a second; more share a place */
#define WINDOW_MS 1000

static struct {
	const char *fmt;
	enum fby_log_level level;
	int64_t began; /* monotonic */
	unsigned n, left_out;
} formats[FORMATS];

static void write_line(enum fby_log_level level, const char *text);

static void
say_left_out(size_t i)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "%u more lines were left out that are like \"%.150s\"",
	    formats[i].left_out, formats[i].fmt);
	formats[i].left_out = 0;
	write_line(formats[i].level, text);
}

static bool
is_too_many(enum fby_log_level level, const char *fmt)
{
	size_t i = ((uintptr_t)fmt >> 3) % FORMATS;
	int64_t now = fby_clock_mono();

	if (level == FBY_LOG_CRIT || level == FBY_LOG_DEBUG)
		return false;
	if (formats[i].fmt != fmt || now - formats[i].began >= WINDOW_MS) {
		if (formats[i].left_out > 0)
			say_left_out(i);
		formats[i].fmt = fmt;
		formats[i].level = level;
		formats[i].began = now;
		formats[i].n = 0;
	}
	if (formats[i].n++ < FBY_LOG_BURST)
		return false;
	formats[i].left_out++;
	return true;
}

void
fby_log_tick(void)
{
	int64_t now = fby_clock_mono();

	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i].left_out > 0 &&
		    now - formats[i].began >= WINDOW_MS)
			say_left_out(i);
}

/* ---- a line ----------------------------------------------------------- */

static void
write_line(enum fby_log_level level, const char *text)
{
	char line[LINE_BYTES], when[FBY_CLOCK_TEXT];
	ssize_t written;
	int n;

	if (to_journal)
		n = snprintf(line, sizeof(line), "<%d>%s: ", level, who);
	else
		n = snprintf(line, sizeof(line),
		    "%s %s %s[%d]: ", fby_clock_text(fby_clock_wall(), when),
		    level_names[level], who, (int)getpid());
	n = FBY_MIN(n, LINE_BYTES / 2);
	n += (int)escape(line + n, sizeof(line) - (size_t)n - 1, text);
	line[n++] = '\n';
	/* A log that cannot be written has nowhere to complain. */
	written = write(STDERR_FILENO, line, (size_t)n);
	(void)written;
}

void
fby_log(enum fby_log_level level, const char *fmt, ...)
{
	char text[LINE_BYTES];
	int saved = errno;
	va_list ap;

	if (level > threshold || is_too_many(level, fmt)) {
		errno = saved;
		return;
	}
	/* %m is of the caller. */
	errno = saved;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(level, text);
	errno = saved;
}
