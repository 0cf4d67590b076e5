/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/manifest/conf.h"

#include "shared/base/mem.h"
#include "shared/yaml/yaml.h"

struct inner {
	bool present;
	int64_t size;
};

struct outer {
	const char *name;
	bool flag;
	int64_t n, ms;
	double x;
	int color;
	struct fby_strings list;
	struct inner inner;
};

/* clang-format off */
static const struct fby_enum colors[] = {
	{ "red", 1 }, { "green", 2 }, { 0 }
};

static const struct fby_directive inner_table[] = {
	{ .name = "size", .type = FBY_T_BYTES, .flags = FBY_D_REQUIRED,
	  .offset = offsetof(struct inner, size), .min = 1, .max = 1 << 20 },
	{ 0 }
};

static const struct fby_directive table[] = {
	{ .name = "name", .type = FBY_T_STR, .flags = FBY_D_LIVE,
	  .offset = offsetof(struct outer, name) },
	{ .name = "flag", .type = FBY_T_BOOL, .dflt = "true",
	  .offset = offsetof(struct outer, flag) },
	{ .name = "n", .type = FBY_T_INT, .dflt = "7", .max = 10,
	  .offset = offsetof(struct outer, n) },
	{ .name = "ms", .type = FBY_T_MSEC, .dflt = "1s", .max = 5000,
	  .offset = offsetof(struct outer, ms) },
	{ .name = "x", .type = FBY_T_NUM, .dflt = "1.5", .max = 2,
	  .offset = offsetof(struct outer, x) },
	{ .name = "color", .type = FBY_T_ENUM, .arg = colors, .dflt = "red",
	  .flags = FBY_D_NOCASE, .offset = offsetof(struct outer, color) },
	{ .name = "list", .type = FBY_T_STRS, .flags = FBY_D_RESTART,
	  .offset = offsetof(struct outer, list) },
	{ .name = "inner", .type = FBY_T_BLOCK, .arg = inner_table,
	  .flags = FBY_D_ROLL, .offset = offsetof(struct outer, inner),
	  .present = FBY_PRESENT(struct outer, inner.present) },
	{ .name = "theirs", .type = FBY_T_INT, .flags = FBY_D_K8S,
	  .max = 5 },
	{ .name = "never", .type = FBY_T_ANY, .flags = FBY_D_REFUSED,
	  .arg = "not here" },
	{ 0 }
};
/* clang-format on */

static struct fby_pool *pool;

/* The errors as text, or "" and *out filled. */
static char *
read_conf(const char *yaml, const char *runtime, struct outer *out)
{
	struct fby_node **docs;
	struct fby_err err;
	struct fby_conf c = { pool, &err, strcmp(runtime, "c") == 0 };
	char *text;
	size_t n;

	fby_err_init(&err);
	memset(out, 0, sizeof(*out));
	assert_int_equal(fby_yaml_parse(pool, "t", yaml, strlen(yaml), &docs,
			     &n, &err),
	    0);
	fby_conf_read(&c, table, out, n ? docs[0] : NULL, "");
	text = fby_err_text(&err);
	fby_err_fini(&err);
	return text;
}

static void
assert_conf(const char *yaml, const char *runtime, const char *errors,
    struct outer *out)
{
	char *text = read_conf(yaml, runtime, out);

	assert_string_equal(text, errors);
	free(text);
}

static void
defaults_go_through_the_same_setters(void **state)
{
	struct outer o;

	(void)state;
	assert_conf("", "c", "", &o);
	assert_null(o.name);
	assert_true(o.flag);
	assert_int_equal(o.n, 7);
	assert_int_equal(o.ms, 1000);
	assert_true(o.x > 1.4 && o.x < 1.6);
	assert_int_equal(o.color, 1);
	assert_false(o.inner.present);
}

static void
what_is_set_goes_to_its_field(void **state)
{
	struct outer o;

	(void)state;
	assert_conf("name: a\nflag: no\nn: 10\nms: 5s\nx: 2\ncolor: Green\n"
		    "list: [a, b]\ninner: {size: 1KiB}\ntheirs: 5\n",
	    "c", "", &o);
	assert_string_equal(o.name, "a");
	assert_false(o.flag);
	assert_int_equal(o.n, 10);
	assert_int_equal(o.ms, 5000);
	assert_int_equal(o.color, 2);
	assert_int_equal(o.list.n, 2);
	assert_string_equal(o.list.v[1], "b");
	assert_true(o.inner.present);
	assert_int_equal(o.inner.size, 1024);
}

static void
a_wrong_value_leaves_the_walk_going(void **state)
{
	struct outer o;

	(void)state;
	assert_conf("n: 11\nflag: 1\ninner: {}\nlists: []\n", "c",
	    "t:1:4: n: found the number 11, allowed is a whole number from "
	    "0 to 10\n"
	    "t:2:7: flag: found the number 1, allowed is true or false\n"
	    "t:3:8: inner.size: required\n"
	    "t:4:1: lists: unknown key, did you mean `list`?\n",
	    &o);
	assert_conf("theirs: 6\n", "c",
	    "t:1:9: theirs: found the number 6, "
	    "allowed is a whole number from 0 to 5\n",
	    &o);
}

static void
a_refusal_holds_for_our_own_workers_only(void **state)
{
	struct outer o;

	(void)state;
	assert_conf("never: {a: b}\n", "c", "t:1:1: never: not here\n", &o);
	assert_conf("never: {a: b}\n", "other", "", &o);
}

static void
rows_are_found_by_path(void **state)
{
	(void)state;
	assert_string_equal(fby_conf_find(table, "inner.size")->name, "size");
	assert_string_equal(fby_conf_find(table, "list[3]")->name, "list");
	assert_null(fby_conf_find(table, "inner.sizes"));
	assert_null(fby_conf_find(table, "lis"));
	assert_null(fby_conf_find(table, ""));
}

static void
a_row_takes_what_its_block_takes_unless_it_says_so(void **state)
{
	(void)state;
	assert_int_equal(fby_conf_policy(fby_conf_find(table, "name"),
			     FBY_POLICY_RESTART),
	    FBY_POLICY_LIVE);
	assert_int_equal(fby_conf_policy(fby_conf_find(table, "n"),
			     FBY_POLICY_RESTART),
	    FBY_POLICY_RESTART);
	assert_int_equal(fby_conf_policy(fby_conf_find(table, "theirs"),
			     FBY_POLICY_RESTART),
	    FBY_POLICY_NONE);
}

static void
fields_are_compared_and_written_by_type(void **state)
{
	struct outer a, b;

	(void)state;
	assert_conf("list: [a]\nms: 90ms\n", "c", "", &a);
	assert_conf("list: [a]\nms: 90ms\nx: 0.25\n", "c", "", &b);
	for (const struct fby_directive *d = table; d->name; d++)
		assert_int_equal(fby_conf_is_equal(d, &a, &b),
		    strcmp(d->name, "x") != 0);
	assert_string_equal(fby_conf_text(pool, fby_conf_find(table, "x"), &b),
	    "0.25");
	assert_string_equal(fby_conf_text(pool, fby_conf_find(table, "ms"), &b),
	    "90ms");
	assert_string_equal(fby_conf_text(pool, fby_conf_find(table, "color"),
				&b),
	    "red");
	assert_null(fby_conf_text(pool, fby_conf_find(table, "name"), &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_go_through_the_same_setters),
		cmocka_unit_test(what_is_set_goes_to_its_field),
		cmocka_unit_test(a_wrong_value_leaves_the_walk_going),
		cmocka_unit_test(a_refusal_holds_for_our_own_workers_only),
		cmocka_unit_test(rows_are_found_by_path),
		cmocka_unit_test(
		    a_row_takes_what_its_block_takes_unless_it_says_so),
		cmocka_unit_test(fields_are_compared_and_written_by_type),
	};
	int rc;

	pool = fby_pool_new(FBY_ARENA_CONFIG);
	rc = UNIT_RUN(tests);
	fby_pool_free(pool);
	return rc;
}
