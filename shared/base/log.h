/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line for each event, to standard error.
 *
 * Two shapes.  To a journal stream (JOURNAL_STREAM names our stderr, see
 * systemd.exec(5)) "<N>text" as sd-daemon(3) has it; else
 * "2026-11-22T20:35:00.123Z notice forebay[123]: text".  A line is one
 * write(2), so lines of several processes do not mix.
 *
 * No write waits: stream.h.  A line that cannot be written (a full disk, a
 * pipe that nobody reads) is lost, or its end is; nothing is written behind a
 * fragment.  It is counted, the log says as soon as it can how many are
 * missing, and standard error, if the log is a file, that it is so.
 *
 * Texts of brokers, manifests and records are in many lines.  What a terminal
 * would act on, and what is no UTF-8, is written as \xNN, and a line feed as a
 * blank.  Of each format
 * at most FBY_LOG_BURST lines are written in a second (crit and debug: all);
 * a line says afterwards how many were left out.
 *
 * Nothing secret may be logged; callers name objects, not contents.
 */
#ifndef FBY_LOG_H
#define FBY_LOG_H

#include "shared/fby.h"

#include <stdarg.h>

#define FBY_LOG_BURST 100

/* Values are those of syslog(3). */
enum fby_log_level {
	FBY_LOG_CRIT = 2,   /* a defect of ours, or the service is lost */
	FBY_LOG_ERR = 3,    /* something failed; an operator should look */
	FBY_LOG_WARN = 4,   /* odd, handled */
	FBY_LOG_NOTICE = 5, /* start, stop, reload, hand-over */
	FBY_LOG_INFO = 6,
	FBY_LOG_DEBUG = 7,
};

/* `ident` is borrowed for good, for instance "forebay" or "worker 3". */
void fby_log_init(const char *ident);
void fby_log_set_level(enum fby_log_level level);
bool fby_log_enabled(enum fby_log_level level);

/* -1 if there is no such level. */
int fby_log_level_find(const char *name);

/*
 * Send fd 2 to this file from now on, appending; it is made if missing.
 * -1 with errno: the old one is kept.
 */
int fby_log_reopen(const char *path) FBY_MUSTCHECK;

void fby_log(enum fby_log_level level, const char *fmt, ...) FBY_PRINTF(2, 3);

/*
 * What a program of others says, as a line of its own, or several if it is
 * long; whatever the level is.  How many they may be is the caller's to see
 * to.
 */
void fby_log_of(const char *ident, int pid, const char *text, size_t len);

/* Every second or so: say how many were left out, or are missing. */
void fby_log_tick(void);

/* The same before an end, of all. */
void fby_log_flush(void);

struct fby_log_health {
	uint64_t lost;   /* lines, since the start */
	int error;       /* errno; 0: the last line could be written */
	const char *why; /* the same in words, or NULL */
};

struct fby_log_health fby_log_health(void);

/* Such an errno in words. */
const char *fby_log_reason(int error);

#define fby_crit(...) fby_log(FBY_LOG_CRIT, __VA_ARGS__)
#define fby_error(...) fby_log(FBY_LOG_ERR, __VA_ARGS__)
#define fby_warn(...) fby_log(FBY_LOG_WARN, __VA_ARGS__)
#define fby_notice(...) fby_log(FBY_LOG_NOTICE, __VA_ARGS__)
#define fby_info(...) fby_log(FBY_LOG_INFO, __VA_ARGS__)
#define fby_debug(...)                                       \
	do {                                                 \
		if (fby_log_enabled(FBY_LOG_DEBUG))          \
			fby_log(FBY_LOG_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
