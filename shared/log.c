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

void
fby_log(enum fby_log_level level, const char *fmt, ...)
{
	int saved = errno, n, m;
	char line[LINE_BYTES], when[FBY_CLOCK_TEXT];
	ssize_t written;
	va_list ap;

	if (level > threshold)
		return;
	if (to_journal)
		n = snprintf(line, sizeof(line), "<%d>%s: ", level, who);
	else
		n = snprintf(line, sizeof(line),
		    "%s %s %s[%d]: ", fby_clock_text(fby_clock_wall(), when),
		    level_names[level], who, (int)getpid());
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	n = FBY_MIN(n + FBY_MAX(m, 0), (int)sizeof(line) - 2);
	for (int i = 0; i < n; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[n++] = '\n';
	/* A log that cannot be written has nowhere to complain. */
	written = write(STDERR_FILENO, line, (size_t)n);
	(void)written;
	errno = saved;
}
