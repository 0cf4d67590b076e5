/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML reader on libyaml's events; see yaml.h.
 *
 * libyaml's events come one after the other; build_node() turns them into a
 * tree by recursion, which MAX_DEPTH bounds.  The first mistake ends the
 * reading of a text: what follows a syntax error is guesswork.
 */
#include "shared/fby.h"

#include "shared/yaml/yaml.h"

#include <yaml.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"

#define MAX_DEPTH 64
#define MAX_NODES 20000
#define MAX_ALIAS_DEPTH 8
#define MAX_BYTES ((size_t)4 << 20)
#define MAX_KEY 1024 /* it is part of the path of all that is below it */

struct anchor {
	struct anchor *next;
	char *name;
	struct fby_node *node; /* NULL until it is complete */
	int depth;             /* aliases inside aliases */
};

struct reader {
	yaml_parser_t parser;
	struct fby_pool *pool;
	const char *file;
	const char *text;
	size_t len;
	struct anchor *anchors; /* of this document */
	int depth;
	int alias_depth; /* deepest alias of the last node */
	struct fby_err *err;
};

static struct fby_node *build_node(struct reader *r, yaml_event_t *event);

static struct fby_pos
mark_pos(const struct reader *r, yaml_mark_t mark)
{
	return (struct fby_pos){ r->file, (int)mark.line + 1,
		(int)mark.column + 1 };
}

/* ---- libyaml's own errors --------------------------------------------- */

/* A broken byte has an offset only: count the lines up to it. */
static struct fby_pos
offset_pos(const struct reader *r, size_t offset)
{
	struct fby_pos pos = { r->file, 1, 1 };

	for (size_t i = 0; i < offset && i < r->len; i++) {
		pos.col++;
		if (r->text[i] == '\n') {
			pos.line++;
			pos.col = 1;
		}
	}
	return pos;
}

/* Where a line (from 0) begins; the end of the text if it has fewer. */
static const char *
line_at(const struct reader *r, size_t line)
{
	const char *p = r->text, *end = r->text + r->len, *eol;

	for (; line > 0 && p < end; line--) {
		eol = memchr(p, '\n', (size_t)(end - p));
		p = eol ? eol + 1 : end;
	}
	return p;
}

static char
char_at(const struct reader *r, yaml_mark_t mark)
{
	const char *p = line_at(r, mark.line), *end = r->text + r->len;

	return (size_t)(end - p) > mark.column ? p[mark.column] : '\0';
}

static int
syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;

	if (p->error == YAML_READER_ERROR)
		return fby_err_add(r->err, offset_pos(r, p->problem_offset),
		    "%s (byte %zu)", p->problem, p->problem_offset);
	if (p->error == YAML_MEMORY_ERROR)
		fby_mem_fatal();
	if (char_at(r, p->problem_mark) == '\t')
		return fby_err_add(r->err, mark_pos(r, p->problem_mark),
		    "a tab where YAML wants spaces");
	if (p->context == NULL)
		return fby_err_add(r->err, mark_pos(r, p->problem_mark),
		    "not YAML: %s", p->problem);
	return fby_err_add(r->err, mark_pos(r, p->problem_mark),
	    "not YAML: %s, %s", p->context, p->problem);
}

static int
next_event(struct reader *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event))
		return 0;
	/* libyaml leaves this undefined after an error. */
	memset(event, 0, sizeof(*event));
	return syntax_error(r);
}

/* ---- anchors ---------------------------------------------------------- */

static struct anchor *
anchor_add(struct reader *r, const yaml_char_t *name)
{
	struct anchor *a;

	if (name == NULL)
		return NULL;
	a = fby_pcalloc(r->pool, sizeof(*a));
	a->name = fby_pstrdup(r->pool, (const char *)name);
	a->next = r->anchors;
	r->anchors = a;
	return a;
}

static struct fby_node *
alias_get(struct reader *r, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct fby_pos pos = mark_pos(r, event->start_mark);
	struct anchor *a = r->anchors;

	while (a && strcmp(a->name, name) != 0)
		a = a->next;
	if (a == NULL) {
		fby_err_add(r->err, pos,
		    "alias *%s: there is no anchor &%s before it", name, name);
		return NULL;
	}
	if (a->node == NULL) {
		fby_err_add(r->err, pos, "alias *%s lies inside its own anchor",
		    name);
		return NULL;
	}
	if (a->depth >= MAX_ALIAS_DEPTH) {
		fby_err_add(r->err, pos,
		    "alias *%s: more than %d aliases inside each other", name,
		    MAX_ALIAS_DEPTH);
		return NULL;
	}
	r->alias_depth = FBY_MAX(r->alias_depth, a->depth + 1);
	return a->node;
}

/* ---- nodes ------------------------------------------------------------ */

static struct fby_node *
node_new(struct reader *r, enum fby_node_kind kind, const yaml_event_t *event)
{
	struct fby_node *node = fby_pcalloc(r->pool, sizeof(*node));

	node->kind = kind;
	node->pos = mark_pos(r, event->start_mark);
	node->weight = 1;
	return node;
}

static int
check_tag(struct reader *r, const yaml_char_t *tag, const yaml_event_t *event,
    const char *allowed)
{
	if (tag == NULL || strcmp((const char *)tag, "!") == 0 ||
	    strcmp((const char *)tag, allowed) == 0)
		return 0;
	return fby_err_add(r->err, mark_pos(r, event->start_mark),
	    "tag `%s`: tags are not supported", (const char *)tag);
}

/* The source's spaces that a literal block's first line of text has more. */
static int
literal_indent(const struct reader *r, const yaml_event_t *event,
    const char *text)
{
	const char *p, *from, *end = r->text + r->len;
	size_t line = event->start_mark.line + 1;

	for (; *text == '\n'; text++)
		line++;
	/* The text need not end with a NUL. */
	for (from = p = line_at(r, line); p < end && *p == ' ';)
		p++;
	return (int)(p - from) - (int)strspn(text, " ");
}

static struct fby_node *
build_scalar(struct reader *r, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	const size_t len = event->data.scalar.length;
	struct fby_node *node = node_new(r, FBY_NODE_SCALAR, event);
	struct anchor *a;

	if (check_tag(r, event->data.scalar.tag, event, YAML_STR_TAG) == -1)
		return NULL;
	if (memchr(value, '\0', len) != NULL) {
		fby_err_add(r->err, node->pos, "a NUL character in a string");
		return NULL;
	}
	node->text = fby_pstrndup(r->pool, value, len);
	node->bytes = len;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    event->data.scalar.tag == NULL;
	if (event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE)
		node->indent = literal_indent(r, event, node->text);
	a = anchor_add(r, event->data.scalar.anchor);
	if (a)
		a->node = node;
	return node;
}

static int
add_item(struct reader *r, struct fby_node *node, size_t *cap,
    struct fby_item item)
{
	struct fby_item *bigger;

	if (node->n == *cap) {
		*cap = *cap ? *cap * 2 : 8;
		bigger = fby_palloc(r->pool, *cap * sizeof(*bigger));
		if (node->n)
			memcpy(bigger, node->items, node->n * sizeof(*bigger));
		node->items = bigger;
	}
	node->items[node->n++] = item;
	node->weight += item.node->weight;
	node->bytes += item.node->bytes + (item.key ? strlen(item.key) : 0);
	node->depth = FBY_MAX(node->depth, item.node->depth + 1);
	if (node->weight > MAX_NODES)
		return fby_err_add(r->err, node->pos, "more than %d values",
		    MAX_NODES);
	if (node->bytes > MAX_BYTES)
		return fby_err_add(r->err, node->pos,
		    "more than %zu MiB of text, with what aliases stand for",
		    MAX_BYTES >> 20);
	if (node->depth > MAX_DEPTH)
		return fby_err_add(r->err, node->pos,
		    "nested more than %d deep", MAX_DEPTH);
	return 0;
}

static int
check_key(struct reader *r, const struct fby_node *map,
    const yaml_event_t *event, struct fby_pos pos)
{
	const struct fby_item *twin;
	const char *key;

	if (event->type != YAML_SCALAR_EVENT)
		return fby_err_add(r->err, pos,
		    "a key must be a word, not a list, a map or an alias");
	key = (const char *)event->data.scalar.value;
	if (memchr(key, '\0', event->data.scalar.length) != NULL)
		return fby_err_add(r->err, pos, "a NUL character in a key");
	if (event->data.scalar.length > MAX_KEY)
		return fby_err_add(r->err, pos, "a key of more than %d bytes",
		    MAX_KEY);
	twin = fby_yaml_item(map, key);
	if (twin)
		return fby_err_add(r->err, pos,
		    "key `%s` is given twice, first in line %d", key,
		    twin->key_pos.line);
	return 0;
}

/* `<<: *defaults`: YAML 1.1's merge key, if it is not in quotes. */
static bool
is_merge(const yaml_event_t *key)
{
	return key->type == YAML_SCALAR_EVENT &&
	    key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    strcmp((const char *)key->data.scalar.value, "<<") == 0;
}

/* A merge has no key of its own. */
static int
build_pair(struct reader *r, struct fby_node *map, yaml_event_t *key,
    struct fby_item *item)
{
	yaml_event_t value;

	item->key_pos = mark_pos(r, key->start_mark);
	if (!is_merge(key)) {
		if (check_key(r, map, key, item->key_pos) == -1)
			return -1;
		item->key = fby_pstrdup(r->pool,
		    (const char *)key->data.scalar.value);
	}
	if (next_event(r, &value) == -1)
		return -1;
	item->node = build_node(r, &value);
	yaml_event_delete(&value);
	return item->node ? 0 : -1;
}

/* What the map has itself goes before what is merged into it. */
static int
merge_map(struct reader *r, struct fby_node *node, size_t *cap,
    const struct fby_item *merge, const struct fby_node *from)
{
	int rc = 0;

	if (from->kind != FBY_NODE_MAP)
		return fby_err_add(r->err, merge->key_pos,
		    "`<<` (merge): found %s, allowed is a map, or a list of "
		    "maps",
		    fby_yaml_describe(r->pool, from));
	for (size_t i = 0; i < from->n && rc == 0; i++)
		if (fby_yaml_item(node, from->items[i].key) == NULL)
			rc = add_item(r, node, cap, from->items[i]);
	return rc;
}

/* Of a list the first that has a key counts. */
static int
merge(struct reader *r, struct fby_node *node, size_t *cap,
    const struct fby_item *item)
{
	const struct fby_node *from = item->node;
	int rc = 0;

	if (from->kind != FBY_NODE_LIST)
		return merge_map(r, node, cap, item, from);
	for (size_t i = 0; i < from->n && rc == 0; i++)
		rc = merge_map(r, node, cap, item, from->items[i].node);
	return rc;
}

static int
set_merge(struct reader *r, struct fby_item *merged, struct fby_item item)
{
	if (merged->node)
		return fby_err_add(r->err, item.key_pos,
		    "`<<` (merge) is given twice, first in line %d",
		    merged->key_pos.line);
	*merged = item;
	return 0;
}

/* Items up to the end event, which is consumed, too. */
static int
build_items(struct reader *r, struct fby_node *node, yaml_event_type_t end)
{
	struct fby_item item, merged = { 0 };
	yaml_event_t event;
	size_t cap = 0;
	int rc = 0;

	while (rc == 0) {
		if (next_event(r, &event) == -1)
			return -1;
		if (event.type == end) {
			yaml_event_delete(&event);
			return merged.node ? merge(r, node, &cap, &merged) : 0;
		}
		memset(&item, 0, sizeof(item));
		if (node->kind == FBY_NODE_MAP)
			rc = build_pair(r, node, &event, &item);
		else if ((item.node = build_node(r, &event)) == NULL)
			rc = -1;
		yaml_event_delete(&event);
		if (rc == 0 && node->kind == FBY_NODE_MAP && item.key == NULL)
			rc = set_merge(r, &merged, item);
		else if (rc == 0)
			rc = add_item(r, node, &cap, item);
	}
	return -1;
}

static struct fby_node *
build_collection(struct reader *r, const yaml_event_t *event)
{
	const bool map = event->type == YAML_MAPPING_START_EVENT;
	const int outer = r->alias_depth;
	struct fby_node *node = node_new(r, map ? FBY_NODE_MAP : FBY_NODE_LIST,
	    event);
	struct anchor *a;

	if (check_tag(r,
		map ? event->data.mapping_start.tag :
		      event->data.sequence_start.tag,
		event, map ? YAML_MAP_TAG : YAML_SEQ_TAG) == -1)
		return NULL;
	a = anchor_add(r,
	    map ? event->data.mapping_start.anchor :
		  event->data.sequence_start.anchor);
	r->alias_depth = 0;
	if (++r->depth > MAX_DEPTH) {
		fby_err_add(r->err, node->pos, "nested more than %d deep",
		    MAX_DEPTH);
		return NULL;
	}
	if (build_items(r, node,
		map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT) == -1)
		return NULL;
	r->depth--;
	if (a) {
		a->node = node;
		a->depth = r->alias_depth;
	}
	r->alias_depth = FBY_MAX(r->alias_depth, outer);
	return node;
}

/* NULL: `err` has the reason.  The caller deletes the event. */
static struct fby_node *
build_node(struct reader *r, yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return alias_get(r, event);
	case YAML_SCALAR_EVENT:
		return build_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return build_collection(r, event);
	default:
		FBY_BUG_ON(true);
	}
}

/* ---- documents -------------------------------------------------------- */

/* 1: there is one, *doc is its root; 0: end of the text. */
static int
next_document(struct reader *r, struct fby_node **doc)
{
	yaml_event_t event;
	yaml_event_type_t type;

	do {
		if (next_event(r, &event) == -1)
			return -1;
		type = event.type;
		if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT ||
		    type == YAML_SEQUENCE_START_EVENT ||
		    type == YAML_MAPPING_START_EVENT) {
			r->anchors = NULL;
			r->depth = 0;
			*doc = build_node(r, &event);
			yaml_event_delete(&event);
			return *doc ? 1 : -1;
		}
		yaml_event_delete(&event);
	} while (type != YAML_STREAM_END_EVENT && type != YAML_NO_EVENT);
	return 0;
}

int
fby_yaml_parse(struct fby_pool *pool, const char *file, const char *text,
    size_t len, struct fby_node ***docs, size_t *n, struct fby_err *err)
{
	struct reader r = { .pool = pool,
		.file = file,
		.text = text,
		.len = len,
		.err = err };
	struct fby_node *doc, **bigger;
	size_t cap = 0;
	int rc;

	*docs = NULL;
	*n = 0;
	if (!yaml_parser_initialize(&r.parser))
		fby_mem_fatal();
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text,
	    len);
	while ((rc = next_document(&r, &doc)) == 1) {
		if (fby_yaml_is_null(doc))
			continue;
		if (*n == cap) {
			cap = cap ? cap * 2 : 4;
			bigger = fby_palloc(pool, cap * sizeof(doc));
			if (*n)
				memcpy(bigger, *docs, *n * sizeof(doc));
			*docs = bigger;
		}
		(*docs)[(*n)++] = doc;
	}
	yaml_parser_delete(&r.parser);
	return rc;
}
