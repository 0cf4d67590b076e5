/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about a node of a YAML tree; yaml.c builds them.
 */
#include "shared/fby.h"

#include "shared/yaml/yaml.h"

#include <ctype.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"

#define DESCRIBE_MAX 60

static bool
is_one_of(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static const char *const words_null[] = { "", "~", "null" };
static const char *const words_true[] = { "true", "yes", "on", "y" };
static const char *const words_false[] = { "false", "no", "off", "n" };

/* [-+]digits[.digits][e[-+]digits], 0x…, 0o… */
static enum fby_yaml_type
number_type(const char *p)
{
	bool dot = false, digit = false;

	p += *p == '-' || *p == '+';
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'o') && p[2])
		return p[2 +
			   strspn(p + 2,
			       p[1] == 'x' ? "0123456789abcdefABCDEF" :
					     "01234567")] ?
		    FBY_YAML_STR :
		    FBY_YAML_INT;
	if (strcasecmp(p, ".inf") == 0 || strcasecmp(p, ".nan") == 0)
		return FBY_YAML_FLOAT;
	for (; isdigit((unsigned char)*p) || (*p == '.' && !dot); p++) {
		dot |= *p == '.';
		digit |= *p != '.';
	}
	if (!digit)
		return FBY_YAML_STR;
	if (*p == '\0')
		return dot ? FBY_YAML_FLOAT : FBY_YAML_INT;
	if (*p != 'e' && *p != 'E')
		return FBY_YAML_STR;
	p++;
	p += *p == '-' || *p == '+';
	if (*p == '\0' || p[strspn(p, "0123456789")] != '\0')
		return FBY_YAML_STR;
	return FBY_YAML_FLOAT;
}

enum fby_yaml_type
fby_yaml_type(const struct fby_node *node)
{
	if (node->kind == FBY_NODE_LIST)
		return FBY_YAML_LIST;
	if (node->kind == FBY_NODE_MAP)
		return FBY_YAML_MAP;
	if (!node->plain)
		return FBY_YAML_STR;
	if (is_one_of(node->text, words_null, FBY_NELEM(words_null)))
		return FBY_YAML_NULL;
	if (is_one_of(node->text, words_true, FBY_NELEM(words_true)) ||
	    is_one_of(node->text, words_false, FBY_NELEM(words_false)))
		return FBY_YAML_BOOL;
	return number_type(node->text);
}

bool
fby_yaml_is_null(const struct fby_node *node)
{
	return fby_yaml_type(node) == FBY_YAML_NULL;
}

bool
fby_yaml_is_true(const struct fby_node *node)
{
	return fby_yaml_type(node) == FBY_YAML_BOOL &&
	    is_one_of(node->text, words_true, FBY_NELEM(words_true));
}

const char *
fby_yaml_describe(struct fby_pool *pool, const struct fby_node *node)
{
	struct fby_str s;
	const char *text;

	switch (fby_yaml_type(node)) {
	case FBY_YAML_LIST:
		return node->n ? "a list" : "an empty list";
	case FBY_YAML_MAP:
		return node->n ? "a map" : "an empty map";
	case FBY_YAML_NULL:
		return "nothing";
	case FBY_YAML_INT:
	case FBY_YAML_FLOAT:
		return fby_psprintf(pool, "the number %.*s", DESCRIBE_MAX,
		    node->text);
	case FBY_YAML_BOOL:
		return fby_psprintf(pool, "the truth value %s", node->text);
	case FBY_YAML_STR:
		break;
	}
	fby_str_init(&s);
	fby_str_escape(&s, node->text, strnlen(node->text, DESCRIBE_MAX));
	text = fby_psprintf(pool, "\"%s%s\"", s.p,
	    strlen(node->text) > DESCRIBE_MAX ? "…" : "");
	fby_str_fini(&s);
	return text;
}

const struct fby_item *
fby_yaml_item(const struct fby_node *node, const char *key)
{
	if (node == NULL || node->kind != FBY_NODE_MAP)
		return NULL;
	for (size_t i = 0; i < node->n; i++)
		if (strcmp(node->items[i].key, key) == 0)
			return &node->items[i];
	return NULL;
}

const struct fby_node *
fby_yaml_find(const struct fby_node *node, const char *key)
{
	const struct fby_item *item = fby_yaml_item(node, key);

	return item && !fby_yaml_is_null(item->node) ? item->node : NULL;
}

/* The order of a map's keys says nothing; null is the same as no key. */
static bool
is_map_equal(const struct fby_node *a, const struct fby_node *b)
{
	const struct fby_node *other;

	for (size_t i = 0; i < a->n; i++) {
		if (fby_yaml_is_null(a->items[i].node))
			continue;
		other = fby_yaml_find(b, a->items[i].key);
		if (!fby_yaml_is_equal(a->items[i].node, other))
			return false;
	}
	for (size_t i = 0; i < b->n; i++)
		if (!fby_yaml_is_null(b->items[i].node) &&
		    fby_yaml_find(a, b->items[i].key) == NULL)
			return false;
	return true;
}

bool
fby_yaml_is_equal(const struct fby_node *a, const struct fby_node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (fby_yaml_type(a) != fby_yaml_type(b))
		return false;
	/* There are three ways to write it. */
	if (fby_yaml_is_null(a))
		return true;
	switch (a->kind) {
	case FBY_NODE_SCALAR:
		return strcmp(a->text, b->text) == 0;
	case FBY_NODE_MAP:
		return is_map_equal(a, b);
	case FBY_NODE_LIST:
		break;
	}
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!fby_yaml_is_equal(a->items[i].node, b->items[i].node))
			return false;
	return true;
}

struct fby_pos
fby_yaml_line_pos(const struct fby_node *node, size_t line, size_t col)
{
	struct fby_pos pos = node->pos;

	if (node->indent > 0) {
		pos.line += (int)line + 1;
		pos.col = node->indent + (int)col + 1;
	}
	return pos;
}
