/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/yaml/yaml.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/yaml/write.h"

static struct fby_pool *pool;
static struct fby_node **docs;
static size_t ndocs;
static struct fby_err errors;

static int
read_yaml(const char *text)
{
	fby_err_fini(&errors);
	return fby_yaml_parse(pool, "t.yaml", text, strlen(text), &docs, &ndocs,
	    &errors);
}

static void
assert_error(const char *yaml, const char *want)
{
	char *text;

	assert_int_equal(read_yaml(yaml), -1);
	text = fby_err_text(&errors);
	assert_string_equal(text, want);
	free(text);
}

static void
every_node_knows_its_place(void **state)
{
	const struct fby_node *list;

	(void)state;
	assert_int_equal(read_yaml("a: 1\nlist:\n  - x\n  - {y: z}\n"), 0);
	assert_int_equal(ndocs, 1);
	assert_int_equal(docs[0]->kind, FBY_NODE_MAP);
	assert_int_equal(docs[0]->n, 2);
	assert_int_equal(docs[0]->items[1].key_pos.line, 2);
	assert_int_equal(docs[0]->items[1].key_pos.col, 1);
	list = fby_yaml_find(docs[0], "list");
	assert_int_equal(list->kind, FBY_NODE_LIST);
	assert_string_equal(list->items[0].node->text, "x");
	assert_int_equal(list->items[1].node->items[0].node->pos.line, 4);
	assert_int_equal(list->items[1].node->items[0].node->pos.col, 9);
	assert_string_equal(list->pos.file, "t.yaml");
}

static void
plain_words_have_the_types_of_yaml(void **state)
{
	static const struct {
		const char *text;
		enum fby_yaml_type type;
	} words[] = {
		{ "", FBY_YAML_NULL },
		{ "~", FBY_YAML_NULL },
		{ "null", FBY_YAML_NULL },
		{ "yes", FBY_YAML_BOOL },
		{ "False", FBY_YAML_BOOL },
		{ "off", FBY_YAML_BOOL },
		{ "1", FBY_YAML_INT },
		{ "-12", FBY_YAML_INT },
		{ "0x1f", FBY_YAML_INT },
		{ "0o17", FBY_YAML_INT },
		{ "1.5", FBY_YAML_FLOAT },
		{ "1e3", FBY_YAML_FLOAT },
		{ "-1.5E-3", FBY_YAML_FLOAT },
		{ ".inf", FBY_YAML_FLOAT },
		{ "1s", FBY_YAML_STR },
		{ "1e", FBY_YAML_STR },
		{ "1.2.3", FBY_YAML_STR },
		{ ".", FBY_YAML_STR },
		{ "127.0.0.1:9092", FBY_YAML_STR },
		{ "0x", FBY_YAML_STR },
		{ "-", FBY_YAML_STR },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(words); i++) {
		struct fby_node node = { .kind = FBY_NODE_SCALAR,
			.text = words[i].text,
			.plain = true };

		assert_int_equal(fby_yaml_type(&node), words[i].type);
		node.plain = false;
		assert_int_equal(fby_yaml_type(&node), FBY_YAML_STR);
	}
}

static void
documents_follow_each_other_and_empty_ones_do_not_count(void **state)
{
	(void)state;
	assert_int_equal(read_yaml("a: 1\n---\n---\n# no\n---\nb: 2\n...\n"),
	    0);
	assert_int_equal(ndocs, 2);
	assert_non_null(fby_yaml_find(docs[1], "b"));
	assert_int_equal(read_yaml(""), 0);
	assert_int_equal(ndocs, 0);
}

static void
json_is_read_tabs_and_all(void **state)
{
	(void)state;
	assert_int_equal(read_yaml("{\n\t\"a\":\t{\"b\":[1,true,null,"
				   "\"x\\ty\\u00fc\\/\"]}}"),
	    0);
	assert_string_equal(fby_yaml_find(fby_yaml_find(docs[0], "a"), "b")
				->items[3]
				.node->text,
	    "x\ty\xc3\xbc/");
}

static void
dos_lines_and_a_byte_order_mark_are_read(void **state)
{
	(void)state;
	assert_int_equal(read_yaml("\xef\xbb\xbf"
				   "a: |\r\n  x: 1\r\n  y\r\n"
				   "b: c\r\n"),
	    0);
	assert_string_equal(fby_yaml_find(docs[0], "a")->text, "x: 1\ny\n");
	assert_string_equal(fby_yaml_find(docs[0], "b")->text, "c");
}

static void
null_counts_as_not_there(void **state)
{
	(void)state;
	assert_int_equal(read_yaml("a:\nb: ~\nc: ''\n"), 0);
	assert_null(fby_yaml_find(docs[0], "a"));
	assert_non_null(fby_yaml_item(docs[0], "a"));
	assert_null(fby_yaml_find(docs[0], "b"));
	assert_non_null(fby_yaml_find(docs[0], "c"));
}

static void
a_line_in_a_literal_block_has_its_own_place(void **state)
{
	const struct fby_node *node;
	struct fby_pos pos;

	(void)state;
	assert_int_equal(read_yaml("a:\n  b: |\n\n    x: 1\n      y: 2\n"), 0);
	node = fby_yaml_find(fby_yaml_find(docs[0], "a"), "b");
	assert_string_equal(node->text, "\nx: 1\n  y: 2\n");
	pos = fby_yaml_line_pos(node, 1, 3);
	assert_int_equal(pos.line, 4);
	assert_int_equal(pos.col, 8);
	pos = fby_yaml_line_pos(node, 2, 2);
	assert_int_equal(pos.line, 5);
	assert_int_equal(pos.col, 7);
	assert_int_equal(read_yaml("b: \"x: 1\\ny: 2\"\n"), 0);
	pos = fby_yaml_line_pos(fby_yaml_find(docs[0], "b"), 1, 0);
	assert_int_equal(pos.line, 1);
	assert_int_equal(pos.col, 4);
}

static void
an_alias_stands_for_its_anchor(void **state)
{
	(void)state;
	assert_int_equal(read_yaml("a: &x {b: 1}\nc: *x\n"), 0);
	assert_ptr_equal(fby_yaml_find(docs[0], "a"),
	    fby_yaml_find(docs[0], "c"));
	/* An anchor ends with its document. */
	assert_error("a: &x 1\n---\nb: *x\n",
	    "t.yaml:3:4: alias *x: there "
	    "is no anchor &x before it\n");
}

static void
what_no_operator_means_is_refused(void **state)
{
	(void)state;
	assert_error("a: 1\nb: 2\na: 3\n",
	    "t.yaml:3:1: key `a` is given "
	    "twice, first in line 1\n");
	assert_error("a:\n\tb: 1\n",
	    "t.yaml:2:1: a tab where YAML wants "
	    "spaces\n");
	assert_error("a: &a [*a]\n",
	    "t.yaml:1:8: alias *a lies inside its "
	    "own anchor\n");
	assert_error("a: !!int 5\n",
	    "t.yaml:1:4: tag `tag:yaml.org,2002:int`"
	    ": tags are not supported\n");
	assert_error("\"\\e[2J\": 1\n\"\\e[2J\": 1\n",
	    "t.yaml:2:1: key `\\x1b[2J` is given twice, first in line 1\n");
}

/* In a buffer of its own, so that a sanitizer sees a byte too many read. */
static void
a_text_may_end_anywhere_and_without_a_nul(void **state)
{
	static const char whole[] = "a: |\n    x\n";

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		char *text = malloc(len + 1);

		memcpy(text + 1, whole, len);
		assert_int_equal(fby_yaml_parse(pool, "t.yaml", text + 1, len,
				     &docs, &ndocs, &errors),
		    0);
		free(text);
	}
}

static void
trees_are_equal_by_what_they_say(void **state)
{
	static const struct {
		const char *text;
		bool is_equal;
	} pairs[] = {
		{ "[{a: 1, b: [x]}, {b: [x], a: 1}]", true },
		{ "[{a: 1}, {a: 1, b: null}]", true },
		{ "[{a: 1}, {a: '1'}]", false },
		{ "[{a: 1}, {a: 2}]", false },
		{ "[{a: 1}, {a: 1, b: 2}]", false },
		{ "[[1, 2], [2, 1]]", false },
		{ "[[1], {a: 1}]", false },
		{ "[[1], [1, 2]]", false },
		{ "[[a, ~], [a, null]]", true },
		{ "[[~], ['']]", false },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(pairs); i++) {
		assert_int_equal(read_yaml(pairs[i].text), 0);
		assert_int_equal(fby_yaml_is_equal(docs[0]->items[0].node,
				     docs[0]->items[1].node),
		    pairs[i].is_equal);
	}
}

static bool
no_secrets(const char *key)
{
	(void)key;
	return false;
}

static void
what_is_written_is_read_as_the_same(void **state)
{
	static const char *const texts[] = {
		"a: 1\nb: x\n",
		"a: 'yes'\nb: '1'\nc: ''\nd: 'null'\n",
		"a: \"x\\ty\\x01\\\"\\\\\"\n",
		"a: |\n  b: c\n  d\n",
		"a: |-\n  b\n\n    c\n",
		"a: \" x\\ny\"\n",
		"a: '# no'\n",
		"a: 'x: y'\nb: 'x #y'\nc: '-'\nd: '- x'\ne: '*x'\nf: '!x'\n",
		"a: [1, [2, []], {b: {}}, {c: d, e: [f]}]\n",
		"a: ü\n",
		"a: '%x'\nb: '@x'\nc: 'x:'\nd: ' x '\ne: 'a, b'\n'f g': h\n",
		"a: 2026-01-01\nb: 1:30\n",
		"a: one\n\n  two\n",
		"a: [-, 'b', c d]\n",
		"a: \"\\N \\_ \\L \\P \\x85 \\x9f \\ufeff \\ufffe ü €\"\n",
		"a: [b, null, ~]\n",
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(texts); i++) {
		const struct fby_node *before;
		struct fby_str s;

		assert_int_equal(read_yaml(texts[i]), 0);
		before = docs[0];
		fby_str_init(&s);
		fby_str_puts(&s, "doc:");
		fby_yaml_write_value(&s, before, 2, no_secrets);
		assert_int_equal(read_yaml(s.p), 0);
		assert_true(
		    fby_yaml_is_equal(before, fby_yaml_find(docs[0], "doc")));
		fby_str_fini(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_node_knows_its_place),
		cmocka_unit_test(plain_words_have_the_types_of_yaml),
		cmocka_unit_test(
		    documents_follow_each_other_and_empty_ones_do_not_count),
		cmocka_unit_test(json_is_read_tabs_and_all),
		cmocka_unit_test(dos_lines_and_a_byte_order_mark_are_read),
		cmocka_unit_test(null_counts_as_not_there),
		cmocka_unit_test(a_line_in_a_literal_block_has_its_own_place),
		cmocka_unit_test(an_alias_stands_for_its_anchor),
		cmocka_unit_test(what_no_operator_means_is_refused),
		cmocka_unit_test(a_text_may_end_anywhere_and_without_a_nul),
		cmocka_unit_test(trees_are_equal_by_what_they_say),
		cmocka_unit_test(what_is_written_is_read_as_the_same),
	};
	int rc;

	pool = fby_pool_new(FBY_ARENA_CONFIG);
	fby_err_init(&errors);
	rc = UNIT_RUN(tests);
	fby_err_fini(&errors);
	fby_pool_free(pool);
	return rc;
}
