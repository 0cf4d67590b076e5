/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of one run: the operator's two documents with as few changes
 * as possible.  Secrets stay references; what the operator has written into
 * `config` is kept as it is, so the text belongs into a private directory.
 */
#ifndef FBY_COMPARE_MANIFEST_H
#define FBY_COMPARE_MANIFEST_H

#include "shared/fby.h"

struct fby_manifest;

enum fby_compare_sink {
	FBY_COMPARE_BLACKHOLE,
	FBY_COMPARE_LOG,
	FBY_COMPARE_AS_IS,
	FBY_COMPARE_WRITER, /* only a producer to `topic` is made of it */
};

struct fby_compare_change {
	const char *runtime;
	const char *group;
	const char *topic; /* NULL: the operator's */
	const char *run_dir;
	enum fby_compare_sink sink;
	bool single; /* limits for one record at a time */
};

/* Text of the derived manifest, heap; NULL: `why` (heap) says what is wrong. */
char *fby_compare_manifest_text(const struct fby_manifest *m,
    const struct fby_compare_change *change, char **why);

/* The same, read again. */
struct fby_manifest *fby_compare_manifest_make(const struct fby_manifest *m,
    const struct fby_compare_change *change, char **why);

#endif
