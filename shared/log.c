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

#define KINDS 64 /* that are said within a second; further ones: no limit */
#define PROBES 8
#define WINDOW_MS 1000

static struct {
	uint64_t key; /* 0: free */
	enum fby_log_level level;
	int64_t began; /* monotonic */
	unsigned n, left_out;
	char like[120]; /* the first of them */
} kinds[KINDS];

static void write_line(enum fby_log_level level, const char *text);

static void
say_left_out(size_t i)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "%u more lines were left out that are like \"%s\"",
	    kinds[i].left_out, kinds[i].like);
	kinds[i].left_out = 0;
	write_line(kinds[i].level, text);
}

/* One format is one kind; of "%s", which many share, each text is one. */
static uint64_t
key_of(const char *fmt, const char *text)
{
	uint64_t key = UINT64_C(14695981039346656037);

	/* Not strcmp: with it gcc's sanitizers warn of a null format. */
	if (fmt[0] != '%' || fmt[1] != 's' || fmt[2] != '\0')
		return (uint64_t)(uintptr_t)fmt;
	for (const unsigned char *p = (const void *)text; *p; p++)
		key = (key ^ *p) * UINT64_C(1099511628211);
	return key | 1;
}

/* The place of a kind, maybe one whose second is over; KINDS: none. */
static size_t
place_of(uint64_t key, int64_t now)
{
	size_t over = KINDS;

	for (size_t i = 0; i < PROBES; i++) {
		size_t at = (size_t)(key / 8 + i) % KINDS;

		if (kinds[at].key == key)
			return at;
		if (over == KINDS && now - kinds[at].began >= WINDOW_MS)
			over = at;
	}
	return over;
}

static bool
is_too_many(enum fby_log_level level, const char *fmt, const char *text)
{
	uint64_t key = key_of(fmt, text);
	int64_t now = fby_clock_mono();
	size_t i;

	if (level == FBY_LOG_CRIT || level == FBY_LOG_DEBUG ||
	    (i = place_of(key, now)) == KINDS)
		return false;
	if (kinds[i].key != key || now - kinds[i].began >= WINDOW_MS) {
		if (kinds[i].left_out > 0)
			say_left_out(i);
		kinds[i].key = key;
		kinds[i].level = level;
		kinds[i].began = now;
		kinds[i].n = 0;
		snprintf(kinds[i].like, sizeof(kinds[i].like), "%.100s", text);
	}
	if (kinds[i].n++ < FBY_LOG_BURST)
		return false;
	kinds[i].left_out++;
	return true;
}

void
fby_log_tick(void)
{
	int64_t now = fby_clock_mono();

	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].left_out > 0 && now - kinds[i].began >= WINDOW_MS)
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

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!is_too_many(level, fmt, text))
		write_line(level, text);
	errno = saved;
}
