/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From texts to a checked manifest; see manifest.h.
 *
 * Syntax first, for all texts; then which document is which; then the tables
 * fill the struct; then manifest/check.c looks at what no single row can see.
 * Each step runs to its end, so that one run shows all mistakes of its kind.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shared/base/base64.h"
#include "shared/base/file.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

#define MAX_TEXT ((size_t)4 << 20)
#define NAME_STDIN "(standard input)"

/*
 * Positions name their file, and outlive the manifest in error lists: file
 * names are kept for good.  There are as many as the operator has files.
 */
struct file_name {
	struct file_name *next;
	char name[];
};
static struct file_name *file_names;

static const char *
file_name_get(const char *name)
{
	const size_t size = strlen(name) + 1;
	struct file_name *f;

	for (f = file_names; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f->name;
	f = fby_malloc(sizeof(*f) + size);
	memcpy(f->name, name, size);
	f->next = file_names;
	file_names = f;
	return f->name;
}

/* ---- texts ------------------------------------------------------------ */

static int
read_text(struct fby_manifest *m, const struct fby_manifest_text *text,
    struct fby_err *err)
{
	struct fby_node **docs;
	size_t n;

	if (fby_yaml_parse(m->pool, text->name, text->text, text->len, &docs,
		&n, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		fby_manifest_place(m, text, docs[i], err);
	return 0;
}

static void
add_text(struct fby_manifest *m, const struct fby_manifest_text *from)
{
	struct fby_manifest_text *text;

	text = fby_palloc(m->pool, (m->ntexts + 1) * sizeof(*text));
	if (m->ntexts)
		memcpy(text, m->texts, m->ntexts * sizeof(*text));
	m->texts = text;
	text += m->ntexts++;
	text->name = file_name_get(from->name);
	text->text = fby_pstrndup(m->pool, from->text, from->len);
	text->len = from->len;
	text->pick = from->pick ? fby_pstrdup(m->pool, from->pick) : NULL;
}

/* Instead of a MonoVertex in a file; -1: something was there and is bad. */
static int
read_object(struct fby_manifest *m, struct fby_err *err)
{
	struct fby_manifest_text text = { .name = file_name_get(
					      FBY_MANIFEST_OBJECT_ENV) };
	const struct fby_pos pos = { text.name, 0, 0 };
	const char *object = getenv(FBY_MANIFEST_OBJECT_ENV);

	if (object == NULL || *object == '\0')
		return 0;
	text.text = fby_base64_decode(m->pool, object, &text.len);
	if (text.text == NULL)
		return fby_err_add(err, pos, "not base64");
	add_text(m, &text);
	return read_text(m, &m->texts[m->ntexts - 1], err);
}

/* ---- parsing ---------------------------------------------------------- */

static void
no_mvtx(const struct fby_manifest *m, struct fby_err *err)
{
	const struct fby_pos pos = { m->ntexts ? m->texts[0].name : NULL, 0,
		0 };

	for (size_t i = 0; i < m->ntexts; i++)
		if (m->texts[i].pick) {
			fby_err_add(err, pos,
			    "no document of kind MonoVertex with the name "
			    "\"%s\"",
			    m->texts[i].pick);
			return;
		}
	fby_err_add(err, pos,
	    "no document of kind MonoVertex, and no " FBY_MANIFEST_OBJECT_ENV
	    " in the environment");
}

static void
fill(struct fby_manifest *m, struct fby_err *err)
{
	struct fby_conf c = { .pool = m->pool, .err = err };

	m->runtime = fby_manifest_runtime_get(m);
	m->host.canary.runtime = fby_manifest_canary_get(m);
	c.is_c = fby_manifest_uses(m, "c");
	fby_conf_read(&c, fby_manifest_mvtx_table, m, m->mvtx, "");
	fby_conf_read(&c, fby_manifest_host_table, m, m->hostdoc, "");
	fby_manifest_runtime_check(m, err);
	fby_manifest_check(m, err);
}

static struct fby_manifest *
parse(const struct fby_manifest_text *texts, size_t n, bool may_object,
    struct fby_err *err)
{
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	struct fby_manifest *m = fby_pcalloc(pool, sizeof(*m));
	const size_t before = err->total;
	int rc = 0;

	m->pool = pool;
	m->notes = fby_pcalloc(pool, sizeof(*m->notes));
	fby_err_init(m->notes);
	for (size_t i = 0; i < n; i++)
		add_text(m, &texts[i]);
	for (size_t i = 0; i < n; i++)
		rc |= read_text(m, &m->texts[i], err);
	if (rc == 0 && m->mvtx == NULL && may_object)
		rc = read_object(m, err);
	fby_manifest_passed(m, err);
	if (rc == 0 && m->mvtx == NULL && err->total == before)
		no_mvtx(m, err);
	if (rc == 0 && m->mvtx)
		fill(m, err);
	if (err->total == before)
		return m;
	fby_manifest_free(m);
	return NULL;
}

struct fby_manifest *
fby_manifest_parse(const struct fby_manifest_text *texts, size_t n,
    struct fby_err *err)
{
	return parse(texts, n, false, err);
}

/* ---- files ------------------------------------------------------------ */

const char *
fby_manifest_split_name(struct fby_pool *pool, const char *name,
    const char **pick)
{
	const char *hash = strrchr(name, '#');

	*pick = NULL;
	if (hash == NULL || access(name, F_OK) == 0)
		return name;
	*pick = fby_pstrdup(pool, hash + 1);
	return fby_pstrndup(pool, name, (size_t)(hash - name));
}

static int
read_file(struct fby_pool *pool, const char *name,
    struct fby_manifest_text *text, struct fby_err *err)
{
	const bool is_stdin = strcmp(name, "-") == 0;
	struct fby_str s;
	int fd, rc = -1;

	fby_str_init(&s);
	text->name = file_name_get(is_stdin ? NAME_STDIN : name);
	fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	if (fd != -1)
		rc = fby_file_read_fd(fd, &s, MAX_TEXT);
	if (rc == -1)
		fby_err_add(err, (struct fby_pos){ text->name, 0, 0 },
		    "cannot be read: %s", strerror(errno));
	if (fd != -1 && !is_stdin)
		close(fd);
	text->text = fby_pstrndup(pool, s.p, s.len);
	text->len = s.len;
	fby_str_fini(&s);
	return rc;
}

struct fby_manifest *
fby_manifest_load(char *const *files, size_t n, struct fby_err *err)
{
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	struct fby_manifest_text *texts = fby_pcalloc(pool,
	    (n + 1) * sizeof(*texts));
	struct fby_manifest *m = NULL;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		rc |= read_file(pool,
		    fby_manifest_split_name(pool, files[i], &texts[i].pick),
		    &texts[i], err);
	if (rc == 0)
		m = parse(texts, n, true, err);
	fby_pool_free(pool);
	return m;
}
