/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directive tables: one row tells everything about one setting, how it is
 * read, its default and bounds, what changing it takes, and its sentence in
 * the reference.  Parsing, dumping, comparing and documenting walk the same
 * tables, so no setting can be forgotten by one of them.
 *
 * A table describes one map of a document and fills one struct.  Tables nest
 * (FBY_T_BLOCK, FBY_T_LIST) and end with a row without a name.
 */
#ifndef FBY_CONF_H
#define FBY_CONF_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/base/str.h"

struct fby_node;
struct fby_pool;

/* What a changed setting takes at reload, weakest first. */
enum fby_policy {
	FBY_POLICY_NONE,    /* nothing, it has no effect here */
	FBY_POLICY_LIVE,    /* applied in place */
	FBY_POLICY_ROLL,    /* the workers are replaced one by one */
	FBY_POLICY_RESTART, /* refused: a restart is needed */
};

enum fby_type {      /* field, and what `arg` points to */
	FBY_T_STR,   /* const char * */
	FBY_T_BOOL,  /* bool */
	FBY_T_INT,   /* int64_t */
	FBY_T_NUM,   /* double */
	FBY_T_MSEC,  /* int64_t */
	FBY_T_BYTES, /* int64_t */
	FBY_T_ENUM,  /* int; struct fby_enum[] */
	FBY_T_STRS,  /* struct fby_strings */
	FBY_T_BLOCK, /* a nested struct; its table */
	FBY_T_LIST,  /* nothing is stored; an item's table or NULL */
	FBY_T_MAP,   /* nothing is stored; any keys, text values */
	FBY_T_ANY,   /* nothing is stored, any shape */
	FBY_T_OWN,   /* struct fby_own */
};

enum {
	FBY_D_REQUIRED = 1 << 0, /* if the block around it is there */
	FBY_D_SECRET = 1 << 1,   /* refers to a secret */
	FBY_D_LIVE = 1 << 2,     /* none of the three: as the block */
	FBY_D_ROLL = 1 << 3,
	FBY_D_RESTART = 1 << 4,
	FBY_D_K8S = 1 << 5,     /* Kubernetes' business: not stored */
	FBY_D_REFUSED = 1 << 6, /* not by the C workers; `arg` says why */
	FBY_D_RAW = 1 << 7,     /* `yes` and numbers are text, too */
	FBY_D_NOCASE = 1 << 8,  /* ENUM: in upper or lower case */
};

struct fby_directive {
	const char *name; /* as spelled in the manifest */
	enum fby_type type;
	unsigned flags;
	size_t offset;     /* into the section's struct */
	size_t present;    /* FBY_PRESENT(…) of a bool, or 0 */
	const char *dflt;  /* in manifest syntax; same setter */
	const char *unset; /* what holds when unset, in words */
	int64_t min, max;  /* INT, NUM, MSEC, BYTES, STRS (items) */
	const void *arg;
	const char *help; /* one sentence; becomes reference */
};

#define FBY_PRESENT(type, field) (offsetof(type, field) + 1)

struct fby_enum { /* ends without a name */
	const char *name;
	int value;
};

/* One walk over one document. */
struct fby_conf {
	struct fby_pool *pool;
	struct fby_err *err;
	bool is_c; /* C workers have a part in it: refusals hold */
};

/* A setting with a syntax of its own. */
struct fby_own {
	const char *syntax; /* for the reference */
	enum fby_type like; /* how the field is compared; ANY: by
			     * the document */
	int (*set)(struct fby_conf *c, void *field, const struct fby_node *node,
	    const char *path);
};

/*
 * Read a map into `base` after a table: defaults first, then what is there.
 * `node` may be NULL (nothing is there); `base` may be NULL (check only).
 * Mistakes go to c->err, and the walk goes on.
 */
void fby_conf_read(struct fby_conf *c, const struct fby_directive *table,
    void *base, const struct fby_node *node, const char *path);

/* A list of texts into c's pool; for own setters. */
int fby_conf_strings(struct fby_conf *c, struct fby_strings *out,
    const struct fby_node *node, const char *path) FBY_MUSTCHECK;

/*
 * "spec.limits.readBatchSize" in a table; "[3]" is skipped in lists.  NULL:
 * there is no such row.
 */
const struct fby_directive *fby_conf_find(const struct fby_directive *table,
    const char *path);

/* What a change of this row takes; `block` is that of the block around it. */
enum fby_policy fby_conf_policy(const struct fby_directive *d,
    enum fby_policy block);

/* Are the fields of a row the same?  BLOCK, LIST, MAP, ANY: always. */
bool fby_conf_is_equal(const struct fby_directive *d, const void *base_a,
    const void *base_b);

/*
 * A row's field as a word of the manifest; NULL if it is unset, or of a type
 * that is no single word.  The text lives in the pool.
 */
const char *fby_conf_text(struct fby_pool *pool, const struct fby_directive *d,
    const void *base);

bool fby_conf_is_present(const struct fby_directive *d, const void *base);

#endif
