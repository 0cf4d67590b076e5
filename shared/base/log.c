/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log; see log.h.
 */
#include "shared/fby.h"

#include "shared/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/str.h"
#include "shared/base/stream.h"

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

static void use_stderr(void);

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
	use_stderr();
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

/* ---- what a terminal would act on ------------------------------------- */

/* Length of what may stand in a line as it is; 0: it is to be escaped. */
static size_t
plain(const char *p, size_t n)
{
	const unsigned char c = (unsigned char)*p;

	return c >= 0x80 ? fby_str_utf8(p, FBY_MIN(n, 4)) :
			   c >= ' ' && c != 0x7f;
}

/*
 * Returns the length; `to` is filled as far as it goes, with whole characters:
 * of a line with others a journal shows nothing but how long it is.  `used` of
 * the bytes are in it.
 */
static size_t
escape(char *to, size_t size, const char *from, size_t nfrom, size_t *used)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0, len;

	for (*used = 0; *used < nfrom && n + 4 < size;
	     *used += len, from += len) {
		const unsigned char c = (unsigned char)*from;

		if ((len = plain(from, nfrom - *used)) > 0) {
			memcpy(to + n, from, len);
			n += len;
			continue;
		}
		len = 1;
		if (c == '\n') {
			to[n++] = ' ';
			continue;
		}
		to[n++] = '\\';
		to[n++] = 'x';
		to[n++] = hex[c >> 4];
		to[n++] = hex[c & 15];
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

/* ---- where lines go --------------------------------------------------- */

#define SIDE_MS 60000 /* how often the side says the same */

static struct fby_stream out = FBY_STREAM_INIT;
static bool is_torn; /* a fragment is the last that we know of */
/* Standard error as it was before there was a file; only masters have one. */
static struct fby_stream side = FBY_STREAM_INIT;
static int64_t side_said; /* monotonic; 0: not in this outage */
static char *file_name;   /* heap; NULL: standard error */

static struct {
	uint64_t lost, unsaid; /* lines; the log does not say of these yet */
	int error;             /* why; 0: the last could be written */
} health;

/* Descriptor 2 as it is now. */
static void
use_stderr(void)
{
	fby_stream_close(&out);
	is_torn = false;
	if (fby_stream_open(&out, STDERR_FILENO) == -1)
		fby_stream_close(&out);
}

int
fby_log_reopen(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	int saved;

	if (fd == -1)
		return -1;
	if (file_name == NULL && side.fd == -1 &&
	    fby_stream_open(&side, STDERR_FILENO) == -1)
		fby_stream_close(&side);
	if (dup2(fd, STDERR_FILENO) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	close(fd);
	to_journal = false;
	use_stderr();
	free(file_name);
	file_name = strdup(path);
	return 0;
}

static int
write_all(const struct fby_stream *s, const char *p, size_t n, bool *torn)
{
	ssize_t done;

	for (; n > 0; p += done, n -= (size_t)done) {
		if ((done = fby_stream_write(s, p, n)) == -1)
			return -1;
		*torn = p[done - 1] != '\n';
	}
	return 0;
}

/* A line, not behind the fragment of another.  -1: it is not there whole. */
static int
put(const char *line, size_t n)
{
	char c;

	/* Before there is a log, and in a child that has none. */
	if (out.fd == -1)
		return write(STDERR_FILENO, line, n) == (ssize_t)n ? 0 : -1;
	/* Of a file that several write to, the file knows. */
	if (fby_stream_last(&out, &c))
		is_torn = c != '\n';
	if (is_torn && write_all(&out, "\n", 1, &is_torn) == -1)
		return -1;
	return write_all(&out, line, n, &is_torn);
}

/* ---- a line ----------------------------------------------------------- */

static size_t
head(char *line, enum fby_log_level level, const char *ident, int pid,
    bool journal)
{
	char when[FBY_CLOCK_TEXT];
	int n;

	if (journal)
		n = snprintf(line, LINE_BYTES, "<%d>%s: ", level, ident);
	else
		n = snprintf(line, LINE_BYTES,
		    "%s %s %s[%d]: ", fby_clock_text(fby_clock_wall(), when),
		    level_names[level], ident, pid);
	return (size_t)FBY_MIN(n, LINE_BYTES / 2);
}

static size_t
make_line(char *line, enum fby_log_level level, const char *text)
{
	size_t n = head(line, level, who, (int)getpid(), to_journal), used;

	n += escape(line + n, LINE_BYTES - n - 1, text, strlen(text), &used);
	line[n++] = '\n';
	return n;
}

const char *
fby_log_reason(int error)
{
	return error == EAGAIN ? "nobody reads it, and it is full" :
				 strerror(error);
}

/* To where the log went first, if it went to a file. */
static void
say_aside(enum fby_log_level level, const char *text)
{
	char line[LINE_BYTES];
	bool torn;
	size_t n;

	if (side.fd == -1)
		return;
	n = make_line(line, level, text);
	/* There is no further place to complain. */
	(void)write_all(&side, line, n, &torn);
}

static void
miss(int error)
{
	char text[512];
	int64_t now = fby_clock_mono();

	health.lost++;
	health.unsaid++;
	health.error = error;
	if (side_said != 0 && now - side_said < SIDE_MS)
		return;
	side_said = now;
	snprintf(text, sizeof(text),
	    "log %s: %s: lines are lost, %" PRIu64 " until now",
	    file_name ? file_name : "on standard error", fby_log_reason(error),
	    health.lost);
	say_aside(FBY_LOG_ERR, text);
}

/* First of all, in the place where they would have been. */
static int
say_missing(void)
{
	char line[LINE_BYTES], text[256];

	if (health.unsaid == 0)
		return 0;
	snprintf(text, sizeof(text),
	    "%" PRIu64 " lines of this log are missing here, or are not whole: "
	    "%s",
	    health.unsaid, fby_log_reason(health.error));
	if (put(line, make_line(line, FBY_LOG_ERR, text)) == -1) {
		health.error = errno;
		return -1;
	}
	health.unsaid = 0;
	health.error = 0;
	side_said = 0;
	say_aside(FBY_LOG_NOTICE, "the log can be written again");
	return 0;
}

static void
write_line(enum fby_log_level level, const char *text)
{
	char line[LINE_BYTES];

	if (say_missing() == -1 ||
	    put(line, make_line(line, level, text)) == -1)
		miss(errno);
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

void
fby_log_of(const char *ident, int pid, const char *text, size_t len)
{
	char line[LINE_BYTES];
	size_t n, used;

	for (; len > 0; text += used, len -= used) {
		n = head(line, FBY_LOG_INFO, ident, pid, to_journal);
		n += escape(line + n, LINE_BYTES - n - 1, text, len, &used);
		line[n++] = '\n';
		if (say_missing() == -1 || put(line, n) == -1)
			miss(errno);
	}
}

/* ---- from time to time ------------------------------------------------ */

static void
say_all_left_out(int64_t until)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].left_out > 0 && kinds[i].began <= until)
			say_left_out(i);
}

void
fby_log_tick(void)
{
	say_all_left_out(fby_clock_mono() - WINDOW_MS);
	(void)say_missing();
}

void
fby_log_flush(void)
{
	say_all_left_out(INT64_MAX);
	(void)say_missing();
}

struct fby_log_health
fby_log_health(void)
{
	return (struct fby_log_health){
		.lost = health.lost,
		.error = health.error,
		.why = health.error ? fby_log_reason(health.error) : NULL,
	};
}
