/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that the log goes to (log.file): opened anew on request, and the
 * one owner of alarm LOG.  The alarm is set while a line of the master or of a
 * worker cannot be written, and while the file that was asked for is not the
 * one that is written to.
 */
#ifndef FBY_LOG_FILE_H
#define FBY_LOG_FILE_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/base/waiters.h"

struct fby_context;
struct fby_shm;
struct fby_supervisor;

struct fby_log_file {
	struct fby_context *ctx;
	struct fby_supervisor *sup; /* whose workers open it, too */
	const struct fby_shm *shm;  /* what they say of it */
	int reopen_error; /* of the last try to open it anew; 0: none */
	struct fby_waiter *waiters;
	struct event ev_wait; /* pending: workers have not all answered */
};

void fby_log_file_init(struct fby_log_file *lf, struct fby_context *ctx,
    struct fby_supervisor *sup, const struct fby_shm *shm);
void fby_log_file_fini(struct fby_log_file *lf);

/*
 * Open the log file anew, here and in the workers.  `fn` is called, now or
 * within some seconds, with what came of it; it is in the log as well.  Where
 * it fails the old one is written to, and it is tried again every second.
 */
void fby_log_file_reopen(struct fby_log_file *lf, fby_waiter_fn *fn, void *arg);
/* What waits with this argument is not called any more. */
void fby_log_file_forget(struct fby_log_file *lf, const void *arg);

/* A worker has said what came of it, or has ended. */
void fby_log_file_answered(struct fby_log_file *lf);

/* Every second. */
void fby_log_file_tick(struct fby_log_file *lf);

#endif
