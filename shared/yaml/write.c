/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing YAML; see yaml/write.h.
 */
#include "shared/fby.h"

#include "shared/yaml/write.h"

#include <ctype.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/yaml/yaml.h"

#define HIDDEN "(hidden)"

struct writer {
	struct fby_str *s;
	fby_yaml_secret_fn is_secret;
};

static void write_value(const struct writer *w, const struct fby_node *node,
    int indent);

/* ---- texts ------------------------------------------------------------ */

static bool
can_be_plain(const char *text)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.$(";
	const struct fby_node node = { .kind = FBY_NODE_SCALAR,
		.plain = true,
		.text = text };

	if (*text == '\0' || strchr(first, *text) == NULL ||
	    fby_yaml_type(&node) != FBY_YAML_STR)
		return false;
	for (const char *p = text; *p; p++) {
		const bool is_last = p[1] == '\0';

		if (isalnum((unsigned char)*p) || strchr("/_.$()%+@=-", *p))
			continue;
		if (*p == ':' && !is_last && p[1] != ' ')
			continue;
		if (*p == ' ' && !is_last && isalnum((unsigned char)p[1]))
			continue;
		return false;
	}
	return true;
}

/*
 * The code of a character beyond ASCII that a reader refuses (the other
 * controls, no characters), folds (line ends) or drops (a byte order mark),
 * with its length; 0: any other.
 */
static unsigned
odd_char(const unsigned char *p, size_t *len)
{
	unsigned code;

	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
		*len = 2;
		return p[1];
	}
	if ((p[0] & 0xf0) != 0xe0 || p[1] == '\0' || p[2] == '\0')
		return 0;
	code = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	if (code != 0x2028 && code != 0x2029 && code != 0xfeff && code < 0xfffe)
		return 0;
	*len = 3;
	return code;
}

/* Its length is returned, or 1 for a part of it. */
static size_t
write_quoted_char(struct fby_str *s, const unsigned char *p)
{
	unsigned code;
	size_t len = 1;

	if (*p == '"' || *p == '\\')
		fby_str_printf(s, "\\%c", *p);
	else if (*p == '\n')
		fby_str_puts(s, "\\n");
	else if (*p < 0x20 || *p == 0x7f)
		fby_str_printf(s, "\\x%02x", *p);
	else if ((code = odd_char(p, &len)) != 0)
		fby_str_printf(s, "\\u%04x", code);
	else
		fby_str_add(s, p, 1);
	return len;
}

static void
write_quoted(struct fby_str *s, const char *text)
{
	fby_str_puts(s, "\"");
	for (const char *p = text; *p;)
		p += write_quoted_char(s, (const unsigned char *)p);
	fby_str_puts(s, "\"");
}

void
fby_yaml_write_text(struct fby_str *s, const char *text)
{
	if (can_be_plain(text))
		fby_str_puts(s, text);
	else
		write_quoted(s, text);
}

static bool
can_be_block(const char *text)
{
	const size_t len = strlen(text);

	if (len < 2 || strchr(text, '\n') == NULL || *text == ' ' ||
	    *text == '\n' || *text == '\t')
		return false;
	if (text[len - 1] == '\n' && text[len - 2] == '\n')
		return false;
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if ((*p < 0x20 && *p != '\n') || *p >= 0x7f)
			return false;
	return true;
}

void
fby_yaml_write_block(struct fby_str *s, const char *text, int indent)
{
	const size_t len = strlen(text);

	if (!can_be_block(text)) {
		fby_str_puts(s, " ");
		fby_yaml_write_text(s, text);
		fby_str_puts(s, "\n");
		return;
	}
	fby_str_puts(s, text[len - 1] == '\n' ? " |\n" : " |-\n");
	while (*text) {
		const size_t n = strcspn(text, "\n");

		if (n > 0)
			fby_str_printf(s, "%*s%.*s", indent, "", (int)n, text);
		fby_str_puts(s, "\n");
		text += n + (text[n] == '\n');
	}
}

char *
fby_yaml_write_hidden(const char *text, fby_yaml_secret_fn is_secret)
{
	struct fby_str s;

	fby_str_init(&s);
	while (*text) {
		const size_t n = strcspn(text, "\n");
		const char *colon = memchr(text, ':', n);
		const size_t key_len = colon ? (size_t)(colon - text) : 0;
		char *key = fby_strndup(text, key_len);

		if (colon && is_secret(key))
			fby_str_printf(&s, "%s: " HIDDEN, key);
		else
			fby_str_add(&s, text, n);
		free(key);
		text += n;
		if (*text == '\n')
			fby_str_add(&s, text++, 1);
	}
	return fby_str_take(&s);
}

/* ---- values of any shape ---------------------------------------------- */

static void
write_scalar(const struct writer *w, const struct fby_node *node, int indent)
{
	/*
	 * Null, truth values and numbers are such without quotes only.  Any
	 * other text may have stood where more is allowed, as `[-]` has it.
	 */
	if (fby_yaml_type(node) != FBY_YAML_STR) {
		fby_str_printf(w->s, " %s\n",
		    *node->text ? node->text : "null");
		return;
	}
	fby_yaml_write_block(w->s, node->text, indent);
}

static bool
is_hidden(const struct writer *w, const struct fby_node *map,
    const struct fby_item *item)
{
	const struct fby_node *name = fby_yaml_find(map, "name");

	if (item->node->kind != FBY_NODE_SCALAR)
		return false;
	if (strcmp(item->key, "value") == 0 && name &&
	    name->kind == FBY_NODE_SCALAR && w->is_secret(name->text))
		return true;
	return w->is_secret(item->key);
}

static void
write_config(const struct writer *w, const char *text, int indent)
{
	char *hidden = fby_yaml_write_hidden(text, w->is_secret);

	fby_yaml_write_block(w->s, hidden, indent);
	free(hidden);
}

static void
write_map(const struct writer *w, const struct fby_node *map, int indent,
    bool is_first_indented)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct fby_item *item = &map->items[i];

		if (i > 0 || !is_first_indented)
			fby_str_printf(w->s, "%*s", indent, "");
		fby_yaml_write_text(w->s, item->key);
		fby_str_puts(w->s, ":");
		if (is_hidden(w, map, item))
			fby_str_puts(w->s, " " HIDDEN "\n");
		else if (strcmp(item->key, "config") == 0 &&
		    item->node->kind == FBY_NODE_SCALAR)
			write_config(w, item->node->text, indent + 2);
		else
			write_value(w, item->node, indent + 2);
	}
}

static void
write_list(const struct writer *w, const struct fby_node *list, int indent)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct fby_node *node = list->items[i].node;

		fby_str_printf(w->s, "%*s-", indent, "");
		if (node->kind == FBY_NODE_MAP && node->n > 0) {
			fby_str_puts(w->s, " ");
			write_map(w, node, indent + 2, true);
		} else {
			write_value(w, node, indent + 2);
		}
	}
}

static void
write_value(const struct writer *w, const struct fby_node *node, int indent)
{
	if (node->kind == FBY_NODE_SCALAR) {
		write_scalar(w, node, indent);
	} else if (node->n == 0) {
		fby_str_puts(w->s,
		    node->kind == FBY_NODE_MAP ? " {}\n" : " []\n");
	} else {
		fby_str_puts(w->s, "\n");
		if (node->kind == FBY_NODE_MAP)
			write_map(w, node, indent, false);
		else
			write_list(w, node, indent);
	}
}

void
fby_yaml_write_value(struct fby_str *s, const struct fby_node *node, int indent,
    fby_yaml_secret_fn is_secret)
{
	const struct writer w = { s, is_secret };

	write_value(&w, node, indent);
}
