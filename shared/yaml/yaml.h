/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML (and with it JSON) as a tree in which every node knows its place.
 *
 * The reader refuses what libyaml lets pass and no operator means: a key
 * twice, tags, an alias that holds itself, and trees that grow without
 * measure out of few aliases: nodes and bytes count as if each alias were
 * written out.  A merge key (`<<`) is resolved.  An alias shares its anchor's
 * node, so a tree is read-only once it is built.  Nodes live in the pool they
 * were read into.
 */
#ifndef FBY_YAML_H
#define FBY_YAML_H

#include "shared/fby.h"

#include "shared/base/err.h"

struct fby_pool;

enum fby_node_kind { FBY_NODE_SCALAR, FBY_NODE_LIST, FBY_NODE_MAP };

struct fby_item {
	const char *key; /* NULL in a list */
	struct fby_pos key_pos;
	struct fby_node *node;
};

struct fby_node {
	enum fby_node_kind kind;
	struct fby_pos pos;
	const char *text;       /* scalar; holds no NUL */
	bool plain;             /* no quotes: can be null, 1, true */
	int indent;             /* literal block: columns cut off */
	struct fby_item *items; /* map or list, in their order */
	size_t n;
	size_t weight; /* nodes of the tree, aliases expanded */
	size_t bytes;  /* of keys and scalars, the same way */
	int depth;     /* levels below */
};

/* As YAML 1.1 has it, which is what Kubernetes' reader goes by. */
enum fby_yaml_type {
	FBY_YAML_NULL,
	FBY_YAML_BOOL,
	FBY_YAML_INT,
	FBY_YAML_FLOAT,
	FBY_YAML_STR,
	FBY_YAML_LIST,
	FBY_YAML_MAP
};

/*
 * All documents of a text; empty ones are left out.  `file` must outlive the
 * errors.  -1: `err` says what is wrong with the first that is.
 */
int fby_yaml_parse(struct fby_pool *pool, const char *file, const char *text,
    size_t len, struct fby_node ***docs, size_t *n,
    struct fby_err *err) FBY_MUSTCHECK;

enum fby_yaml_type fby_yaml_type(const struct fby_node *node);

/* "the number 5", `"abc"`, "a list": for messages; lives in the pool. */
const char *fby_yaml_describe(struct fby_pool *pool,
    const struct fby_node *node);

/* In a map; NULL if there is none, or it is null, or the node is no map. */
const struct fby_node *fby_yaml_find(const struct fby_node *node,
    const char *key);
const struct fby_item *fby_yaml_item(const struct fby_node *node,
    const char *key);

bool fby_yaml_is_null(const struct fby_node *node);
bool fby_yaml_is_true(const struct fby_node *node);
bool fby_yaml_is_equal(const struct fby_node *a, const struct fby_node *b);

/* The place of a scalar's own line and column (from 0), if it is literal. */
struct fby_pos fby_yaml_line_pos(const struct fby_node *node, size_t line,
    size_t col);

#endif
