/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file in which a function's server says what it is: one JSON object, and
 * a mark that it is complete.  Nothing here opens it.
 *
 * The rules for versions are those of Numaflow: each SDK has a version before
 * which it cannot be spoken to; a language that is not known, or a server that
 * says no version, is taken as it is.  minimum_numaflow_version is not looked
 * at: it speaks of releases of another program.
 */
#ifndef FBY_WORKER_INFO_H
#define FBY_WORKER_INFO_H

#include "shared/fby.h"

struct fby_str;

#define FBY_INFO_BYTES (64 * 1024) /* of the file, at most */
#define FBY_INFO_ENDPOINTS 64
#define FBY_INFO_ENDPOINT 64 /* bytes of one, with its NUL */

enum fby_info_mode {
	FBY_INFO_UNARY,
	FBY_INFO_BATCH,
	FBY_INFO_STREAM,
};

struct fby_info {
	char language[16];       /* "go", "python", "java", "rust", "unknown" */
	char version[32];        /* of the SDK, printable; "": it says none */
	enum fby_info_mode mode; /* MAP_MODE */
	bool is_tcp;
	/*
	 * MULTIPROC: that many processes, each with a socket of its own beside
	 * the usual one, multiproc0.sock and so on; 0: one, as usual.
	 */
	unsigned processes;
	/* MULTIPROC_ENDPOINTS, "http://HOST:PORT"; only with is_tcp. */
	unsigned nendpoints;
	char endpoints[FBY_INFO_ENDPOINTS][FBY_INFO_ENDPOINT];
};

/* The mark is there: the server has written it to its end. */
bool fby_info_is_whole(const char *text, size_t len);

/*
 * The file of a server; `container` is what its name begins with ("sinker" of
 * sinker-server-info).  -1: not to be used, `why` says it in one line.
 */
int fby_info_parse(struct fby_info *info, const char *container,
    const char *text, size_t len, struct fby_str *why) FBY_MUSTCHECK;

/* Is a version of this language's SDK that one, or newer?  -1: no version. */
int fby_info_compare(bool is_python, const char *version,
    const unsigned least[3], bool *is_enough) FBY_MUSTCHECK;

#endif
