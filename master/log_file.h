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

struct fby_context;
struct fby_shm;
struct fby_supervisor;

struct fby_log_file {
	struct fby_context *ctx;
	struct fby_supervisor *sup; /* whose workers open it, too */
	const struct fby_shm *shm;  /* what they say of it */
	int reopen_error; /* of the last try to open it anew; 0: none */
};

void fby_log_file_init(struct fby_log_file *lf, struct fby_context *ctx,
    struct fby_supervisor *sup, const struct fby_shm *shm);

/*
 * Open the log file anew, here and in the workers.  False: it stays as it is,
 * and is tried again every second; text says why.
 */
bool fby_log_file_reopen(struct fby_log_file *lf, char *text, size_t size);

/* Every second. */
void fby_log_file_tick(struct fby_log_file *lf);

#endif
