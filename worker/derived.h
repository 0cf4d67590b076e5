/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived records: what a function has made of one record, if that is more
 * than one.  They are a family: the record is complete when all of them are,
 * and its outcome is the worst of theirs.  A derived record can itself have
 * derived ones, of the next function.
 *
 * They have the offset, the message and the headers of the source's record,
 * and live in the pool of its batch.
 */
#ifndef FBY_DERIVED_H
#define FBY_DERIVED_H

#include "shared/fby.h"

#include "worker/batch.h"

struct fby_record;

/* What became of a record; of several the last of these counts. */
enum fby_outcome {
	FBY_OUTCOME_DROPPED,
	FBY_OUTCOME_DELIVERED,
	FBY_OUTCOME_FALLBACK,
	FBY_OUTCOME_DEAD_LETTERED,
};

struct fby_family {
	struct fby_record *parent;
	size_t n;
	size_t next; /* first that has not gone on */
	size_t open; /* not complete */
	enum fby_outcome outcome;
	struct fby_record rec[];
};

/*
 * n of them, at least one, which carry what it carries.  Of one there is no
 * need for another: it is the record itself.
 */
struct fby_record *fby_derived_make(struct fby_record *rec, size_t n);

/* Those that were made of it; NULL: none. */
struct fby_family *fby_derived_of(const struct fby_record *rec);

/* The record of the source. */
const struct fby_record *fby_derived_root(const struct fby_record *rec);

/* Does nothing that was made of the same record of the source follow it? */
bool fby_derived_is_last(const struct fby_record *rec);

/* In the order of the offsets, and in which they were made. */
int fby_derived_compare(const struct fby_record *a, const struct fby_record *b);

/*
 * "" for the record itself, "-2" for the third that was made of it, "-2-0" for
 * the first that was made of that.
 */
#define FBY_DERIVED_SUFFIX 48
const char *fby_derived_suffix(const struct fby_record *rec,
    char buf[FBY_DERIVED_SUFFIX]);

/*
 * It has ended so.  Returns the source's record when that has ended with it,
 * and in *outcome what became of that; NULL: others are open.
 */
struct fby_record *fby_derived_end(struct fby_record *rec,
    enum fby_outcome *outcome);

#endif
