/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment that holds the ledger: a file on tmpfs, mapped by all.
 *
 * The master creates it, workers attach by descriptor, `forebay shm` copies
 * it, live or after a crash.
 *
 * Its size never changes, so what is mapped once stays valid, and no worker
 * has to be told of a larger one.  Most of it is a hole: blocks are allocated
 * for the first rows and names when it is made, and for more before they are
 * used.  So a full tmpfs is an error at start, or of the one partition that
 * would need more, and never a SIGBUS later; and it costs nothing to have room
 * for far more partitions than there are.
 */
#ifndef FBY_SHM_H
#define FBY_SHM_H

#include "shared/fby.h"

#include "shared/boundary/ledger.h"

/*
 * All but the mapped bytes is ours: whoever maps the segment can write to it,
 * its head too, so what is where is read once, checked, and kept here.
 */
struct fby_shm {
	int fd; /* -1: closed */
	size_t size;
	uint32_t nslots, nrows, names_size;
	struct fby_ledger_head *head; /* NULL: not mapped */
	struct fby_ledger_slot *slots;
	struct fby_ledger_row *rows;
	char *names;
	/* Of the creator alone. */
	struct fby_ledger_head own; /* what the head says; name offsets */
	uint32_t names_used;
	size_t rows_bytes, names_bytes; /* of them that have blocks */
};

#define FBY_SHM_INIT     \
	{                \
		.fd = -1 \
	}

/* Why a segment was not believed. */
enum fby_shm_verdict {
	FBY_SHM_GOOD,
	FBY_SHM_ERRNO,  /* a system call failed: errno */
	FBY_SHM_SHORT,  /* truncated */
	FBY_SHM_MAGIC,  /* no ledger at all */
	FBY_SHM_ABI,    /* of another version */
	FBY_SHM_BROKEN, /* its parts do not fit together */
};
const char *fby_shm_verdict(enum fby_shm_verdict v);

/*
 * Make a new segment at path (a file of that name is replaced, so that old
 * workers keep theirs) and map it.  All rows are free; there is room for nrows
 * of them, each with a topic of its own.
 */
int fby_shm_create(struct fby_shm *shm, const char *path, uint32_t nslots,
    uint32_t nrows, const char *name, const char *group) FBY_MUSTCHECK;

/* Map what is behind fd, after checking it. */
enum fby_shm_verdict fby_shm_attach(struct fby_shm *shm, int fd);

/*
 * A copy, for those who only look: what is behind fd, or lies at path, as it
 * is now.  Nobody can change it, or cut it short, behind the check.
 */
enum fby_shm_verdict fby_shm_load(struct fby_shm *shm, int fd);
enum fby_shm_verdict fby_shm_open(struct fby_shm *shm, const char *path);
void fby_shm_close(struct fby_shm *shm);

/* The string at an offset of the names; "" if it is out of bounds. */
const char *fby_shm_name(const struct fby_shm *shm, uint32_t off);

/* ---- the creator's ---------------------------------------------------- */

/*
 * Offset of the string, which is added; 0: errno, ENOSPC if there is no room.
 * Nothing is looked for: who adds a name twice has two.
 */
uint32_t fby_shm_add_name(struct fby_shm *shm, const char *name);

/* Row n becomes that partition's.  -1: errno, no blocks for it. */
int fby_shm_make_row(struct fby_shm *shm, uint32_t n, uint32_t topic_off,
    int32_t partition) FBY_MUSTCHECK;

/* Another group; -1 as above. */
int fby_shm_set_group(struct fby_shm *shm, const char *group) FBY_MUSTCHECK;

/*
 * The file has its size and its blocks again, and is mapped where it was; what
 * was in it is gone, but for the head.  -1: errno; to be tried again.
 */
int fby_shm_restore(struct fby_shm *shm) FBY_MUSTCHECK;

/* The same for the head alone; true if it said something else. */
bool fby_shm_restore_head(struct fby_shm *shm);

/* And for a name; true if it was another. */
bool fby_shm_restore_name(struct fby_shm *shm, uint32_t off, const char *name);

/* ---- everybody's ------------------------------------------------------ */

/* Has the file its size?  Touching what is cut off raises SIGBUS: crash.h. */
bool fby_shm_is_whole(const struct fby_shm *shm);

/* Map it anew, at the same address.  -1: errno. */
int fby_shm_remap(struct fby_shm *shm) FBY_MUSTCHECK;

/*
 * A row as it is now: `acked` is not ahead of the counters, the watermark not
 * ahead of `acked`, nor any outcome ahead of `read`.
 */
void fby_shm_copy_row(struct fby_ledger_row *to,
    const struct fby_ledger_row *from);

/* Row of a partition; FBY_NOROW if it has none. */
uint32_t fby_shm_find(const struct fby_shm *shm, const char *topic,
    int32_t partition);

/* Row of a partition, made if needed; FBY_NOROW if the table is full. */
uint32_t fby_shm_row(struct fby_shm *shm, const char *topic, int32_t partition);

const char *fby_row_state_name(uint32_t state);
const char *fby_slot_state_name(uint32_t state);
const char *fby_activity_name(uint32_t activity);
const char *fby_conn_state_name(uint32_t state);

#endif
