/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which master is meant; see target.h.
 */
#include "shared/fby.h"

#include "master/cli/target.h"

#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include "shared/base/err.h"
#include "shared/base/file.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"
#include "shared/yaml/yaml.h"

#include "master/base/rundir.h"

/* ---- a manifest with mistakes ----------------------------------------- */

/*
 * What a manifest says of the run directory when the rest of it does not
 * matter: a reload of a broken one has to find its master, too, to be told
 * what is broken.  If the files name several, no master is chosen: `stop` would
 * end one that was not meant.
 */
struct glimpse {
	struct fby_pool *pool;
	const char *pick; /* of the file that is looked at, or NULL */
	const char *name, *dir;
	size_t nvertices, nhosts;
	bool is_named; /* the Host is the one of the name that was picked */
};

static const char *
scalar(const struct fby_node *node)
{
	return node && node->kind == FBY_NODE_SCALAR ? node->text : NULL;
}

static void
glimpse_vertex(struct glimpse *g, const char *name)
{
	if (g->pick && (name == NULL || strcmp(name, g->pick) != 0))
		return;
	g->name = name;
	g->nvertices++;
}

/* One of that name goes before one without, wherever it stands. */
static void
glimpse_host(struct glimpse *g, const char *name, const struct fby_node *spec)
{
	bool is_named = g->pick && name && strcmp(name, g->pick) == 0;

	if (g->pick && name && *name && !is_named)
		return;
	if (g->is_named && !is_named)
		return;
	g->nhosts = is_named && !g->is_named ? 1 : g->nhosts + 1;
	g->is_named = is_named;
	g->dir = scalar(fby_yaml_find(spec, "runDirectory"));
}

static void
glimpse_document(struct glimpse *g, const struct fby_node *doc)
{
	const char *kind = scalar(fby_yaml_find(doc, "kind"));
	const char *name = scalar(
	    fby_yaml_find(fby_yaml_find(doc, "metadata"), "name"));
	const struct fby_node *items = fby_yaml_find(doc, "items");

	if (kind == NULL)
		return;
	if (strcmp(kind, "MonoVertex") == 0)
		glimpse_vertex(g, name);
	else if (strcmp(kind, "Host") == 0)
		glimpse_host(g, name, fby_yaml_find(doc, "spec"));
	else if (strcmp(kind, "List") == 0 && items &&
	    items->kind == FBY_NODE_LIST)
		for (size_t i = 0; i < items->n; i++)
			glimpse_document(g, items->items[i].node);
}

static void
glimpse_file(struct glimpse *g, const char *name)
{
	const char *file = fby_manifest_split_name(g->pool, name, &g->pick);
	struct fby_node **docs = NULL;
	int fd = open(file, O_RDONLY | O_CLOEXEC), rc;
	struct fby_str text;
	struct fby_err err;
	size_t n = 0;

	if (fd == -1)
		return;
	fby_str_init(&text);
	fby_err_init(&err);
	rc = fby_file_read_fd(fd, &text, SIZE_MAX);
	close(fd);
	if (rc == 0 &&
	    fby_yaml_parse(g->pool, file, text.p, text.len, &docs, &n, &err) ==
		0)
		for (size_t i = 0; i < n; i++)
			glimpse_document(g, docs[i]);
	fby_err_fini(&err);
	fby_str_fini(&text);
}

/* Heap, or NULL. */
static char *
from_broken(char *const *files, size_t nfiles)
{
	struct glimpse g = { .pool = fby_pool_new(FBY_ARENA_CONFIG) };
	const char *env = getenv("RUNTIME_DIRECTORY");
	char *dir = NULL;

	for (size_t i = 0; i < nfiles; i++)
		glimpse_file(&g, files[i]);
	if (g.nvertices > 1 || g.nhosts > 1)
		dir = NULL;
	else if (g.dir)
		dir = fby_strdup(g.dir);
	else if (env && *env)
		dir = fby_strndup(env, strcspn(env, ":"));
	else if (g.name)
		dir = fby_asprintf(FBY_RUNDIR_DEFAULT "/%s", g.name);
	fby_pool_free(g.pool);
	return dir;
}

static char *
from_manifest(char *const *files, size_t nfiles)
{
	struct fby_manifest *m;
	struct fby_err err;
	char *dir, *text;

	fby_err_init(&err);
	m = fby_manifest_load(files, nfiles, &err);
	if (m) {
		dir = fby_strdup(fby_manifest_run_dir(m));
		fby_manifest_free(m);
	} else if ((dir = from_broken(files, nfiles)) == NULL) {
		text = fby_err_text(&err);
		fprintf(stderr,
		    "%sforebay: so the run directory is not known; "
		    "-d DIR says it, too\n",
		    text);
		free(text);
	}
	fby_err_fini(&err);
	return dir;
}

/* ---- nothing said ----------------------------------------------------- */

/* Masters that run, or have run, under the usual directory. */
static char *
from_default(void)
{
	char *dir = NULL, *slash;
	glob_t g;

	if (glob(FBY_RUNDIR_DEFAULT "/control", 0, NULL, &g) == 0) {
		globfree(&g);
		return fby_strdup(FBY_RUNDIR_DEFAULT);
	}
	if (glob(FBY_RUNDIR_DEFAULT "/*/control", 0, NULL, &g) != 0) {
		fprintf(stderr,
		    "forebay: no master is running in " FBY_RUNDIR_DEFAULT
		    "; say which one is meant with "
		    "-c FILE or -d DIR\n");
		return NULL;
	}
	if (g.gl_pathc == 1) {
		dir = fby_strdup(g.gl_pathv[0]);
		if ((slash = strrchr(dir, '/')) != NULL)
			*slash = '\0';
	} else {
		fprintf(stderr,
		    "forebay: there are several; say which one is "
		    "meant with -d DIR:\n");
		for (size_t i = 0; i < g.gl_pathc; i++)
			fprintf(stderr, "\t%.*s\n",
			    (int)(strlen(g.gl_pathv[i]) - strlen("/control")),
			    g.gl_pathv[i]);
	}
	globfree(&g);
	return dir;
}

char *
fby_target_find(const char *dir, char *const *files, size_t nfiles)
{
	const char *env = getenv("RUNTIME_DIRECTORY");

	if (dir)
		return fby_strdup(dir);
	if (nfiles > 0)
		return from_manifest(files, nfiles);
	/* systemd separates several with colons; ours is the first. */
	if (env && *env)
		return fby_strndup(env, strcspn(env, ":"));
	return from_default();
}
