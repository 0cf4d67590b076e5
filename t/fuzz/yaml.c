/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The YAML reader and writer: any bytes are a tree or one mistake with its
 * place, and what is written of a tree is read as the same tree.
 */
#include "shared/fby.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/yaml/write.h"
#include "shared/yaml/yaml.h"
#include "t/fuzz/fuzz.h"

static struct fby_pool *pool;

static bool
no_secrets(const char *key)
{
	(void)key;
	return false;
}

/* No line of the text has a higher number; its end is one of its own. */
static int
count_lines(const uint8_t *data, size_t size)
{
	int lines = 2;

	/* CR, LF, NEL (c2 85), LS and PS (e2 80 a8, a9), in any coding. */
	for (size_t i = 0; i < size; i++)
		lines += memchr("\r\n\x85\xa8\xa9\x28\x29", data[i], 7) != NULL;
	return lines;
}

static void
look_at(const struct fby_node *node, int lines)
{
	FBY_BUG_ON(node->pos.line < 1 || node->pos.line > lines);
	FBY_BUG_ON(node->pos.col < 1);
	fby_yaml_describe(pool, node);
	FBY_BUG_ON(!fby_yaml_is_equal(node, node));
	if (node->kind == FBY_NODE_SCALAR) {
		fby_yaml_is_true(node);
		FBY_BUG_ON(fby_yaml_line_pos(node, 0, 0).col < 1);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		if (node->kind == FBY_NODE_MAP)
			FBY_BUG_ON(fby_yaml_item(node, node->items[i].key) !=
			    &node->items[i]);
		look_at(node->items[i].node, lines);
	}
}

static void
write_and_read(const struct fby_node *doc)
{
	struct fby_node **again;
	struct fby_err err;
	struct fby_str s;
	size_t n;

	/* One level deeper, and with all aliases written out. */
	if (doc->depth >= 60)
		return;
	fby_err_init(&err);
	fby_str_init(&s);
	fby_str_puts(&s, "doc:");
	fby_yaml_write_value(&s, doc, 2, no_secrets);
	FBY_BUG_ON(
	    fby_yaml_parse(pool, "again", s.p, s.len, &again, &n, &err) == -1);
	FBY_BUG_ON(n != 1);
	FBY_BUG_ON(!fby_yaml_is_equal(doc, fby_yaml_find(again[0], "doc")));
	fby_str_fini(&s);
	fby_err_fini(&err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int lines = count_lines(data, size);
	struct fby_node **docs;
	struct fby_err err;
	size_t n;
	int rc;

	pool = fby_pool_new(FBY_ARENA_CONFIG);
	fby_err_init(&err);
	rc = fby_yaml_parse(pool, "fuzz", (const char *)data, size, &docs, &n,
	    &err);
	FBY_BUG_ON((rc == -1) != (err.total > 0));
	if (rc == -1)
		FBY_BUG_ON(
		    err.items[0].pos.line < 1 || err.items[0].pos.line > lines);
	free(fby_err_text(&err));
	for (size_t i = 0; i < n; i++)
		look_at(docs[i], lines);
	for (size_t i = 0; rc == 0 && i < n; i++)
		write_and_read(docs[i]);
	fby_err_fini(&err);
	fby_pool_free(pool);
	return 0;
}
