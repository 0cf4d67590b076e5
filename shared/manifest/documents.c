/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which document is which: the MonoVertex, the Host, and all the others that
 * people keep beside them (Secrets, ConfigMaps, Services), which are passed
 * over with a note as long as there is a MonoVertex.  A `kind: List`, as
 * `kubectl get -o yaml` prints it, is its items.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/mem.h"
#include "shared/base/nearest.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

#define LIST_API "v1"

static const char *
word(const struct fby_node *doc, const char *key)
{
	const struct fby_node *node = fby_yaml_find(doc, key);

	return node && node->kind == FBY_NODE_SCALAR ? node->text : NULL;
}

static const char *
name_of(const struct fby_node *doc)
{
	const struct fby_node *metadata = fby_yaml_find(doc, "metadata");
	const char *name = word(metadata, "name");

	return name ? name : "";
}

static void
check_api(const struct fby_node *doc, const char *want, struct fby_err *err)
{
	const char *api = word(doc, "apiVersion");

	if (api == NULL)
		fby_err_add(err, doc->pos, "apiVersion: required, %s", want);
	else if (strcmp(api, want) != 0)
		fby_err_add(err, fby_yaml_find(doc, "apiVersion")->pos,
		    "apiVersion: found \"%s\", allowed is %s", api, want);
}

/* ---- other kinds ------------------------------------------------------ */

/* Why it cannot be run, if nothing else is there that can. */
static int
wrong_kind(const struct fby_node *doc, struct fby_err *err)
{
	static const char *const others[] = { "Pipeline", "Vertex",
		"InterStepBufferService", "ServingPipeline" };
	const struct fby_pos pos = fby_yaml_find(doc, "kind")->pos;
	const char *kind = word(doc, "kind");

	for (size_t i = 0; i < FBY_NELEM(others); i++)
		if (strcmp(kind, others[i]) == 0)
			return fby_err_add(err, pos,
			    "kind: found %s, which "
			    "only Numaflow's controller can run; allowed is "
			    "MonoVertex or Host",
			    kind);
	if (strcmp(kind, "MonoVertexRollout") == 0)
		return fby_err_add(err, pos,
		    "kind: found MonoVertexRollout, which Numaplane's "
		    "controller runs; the MonoVertex in it is spec.monoVertex: make that "
		    "a document of its own, with apiVersion and kind");
	return fby_err_add(err, pos,
	    "kind: found \"%s\", allowed is MonoVertex or Host", kind);
}

static void
pass_over(struct fby_manifest *m, struct fby_node *doc)
{
	struct fby_node **passed;

	passed = fby_palloc(m->pool, (m->npassed + 1) * sizeof(doc));
	if (m->npassed)
		memcpy(passed, m->passed, m->npassed * sizeof(doc));
	passed[m->npassed++] = doc;
	m->passed = passed;
}

static void
other_kind(struct fby_manifest *m, struct fby_node *doc, const char *kind,
    struct fby_err *err)
{
	struct fby_nearest nearest;

	fby_nearest_init(&nearest, kind);
	fby_nearest_try(&nearest, "MonoVertex");
	fby_nearest_try(&nearest, "Host");
	if (nearest.best)
		fby_err_add(err, fby_yaml_find(doc, "kind")->pos,
		    "kind: found \"%s\", did you mean %s?", kind, nearest.best);
	else
		pass_over(m, doc);
}

void
fby_manifest_passed(const struct fby_manifest *m, struct fby_err *err)
{
	for (size_t i = 0; i < m->npassed; i++)
		if (m->mvtx == NULL)
			wrong_kind(m->passed[i], err);
		else
			fby_err_add(m->notes, m->passed[i]->pos,
			    "a document of kind %s, passed over",
			    word(m->passed[i], "kind"));
}

/* ---- ours ------------------------------------------------------------- */

/* Is it another one than "FILE#NAME" asks for? */
static bool
is_other(const struct fby_manifest_text *text, const struct fby_node *doc,
    bool is_host)
{
	const char *name = name_of(doc);

	if (text->pick == NULL || strcmp(name, text->pick) == 0)
		return false;
	return !is_host || *name != '\0';
}

/* A Host of that name goes before one without, wherever it stands. */
static bool
is_better(const struct fby_manifest_text *text, const struct fby_node *doc,
    const struct fby_node *than)
{
	return text->pick && strcmp(name_of(doc), name_of(than)) != 0 &&
	    strcmp(name_of(doc), text->pick) == 0;
}

static void
place_list(struct fby_manifest *m, const struct fby_manifest_text *text,
    const struct fby_node *doc, struct fby_err *err)
{
	const struct fby_node *items = fby_yaml_find(doc, "items");

	check_api(doc, LIST_API, err);
	if (items == NULL || items->kind != FBY_NODE_LIST) {
		fby_err_add(err, doc->pos, "items: required, a list");
		return;
	}
	for (size_t i = 0; i < items->n; i++)
		fby_manifest_place(m, text, items->items[i].node, err);
}

static void
place_ours(struct fby_manifest *m, const struct fby_manifest_text *text,
    struct fby_node *doc, const char *kind, struct fby_err *err)
{
	const bool is_host = strcmp(kind, "Host") == 0;
	struct fby_node **place = is_host ? &m->hostdoc : &m->mvtx;

	if (is_other(text, doc, is_host))
		return;
	if (strcmp(text->name, FBY_MANIFEST_OBJECT_ENV) != 0)
		check_api(doc,
		    is_host ? FBY_MANIFEST_HOST_API : FBY_MANIFEST_MVTX_API,
		    err);
	if (*place == NULL || is_better(text, doc, *place))
		*place = doc;
	else if (!is_better(text, *place, doc))
		fby_err_add(err, doc->pos,
		    "a second document of kind %s; the first is at %s:%d, "
		    "and FILE#NAME picks one",
		    kind, (*place)->pos.file, (*place)->pos.line);
}

void
fby_manifest_place(struct fby_manifest *m, const struct fby_manifest_text *text,
    struct fby_node *doc, struct fby_err *err)
{
	const char *kind;

	if (doc->kind != FBY_NODE_MAP) {
		fby_err_add(err, doc->pos,
		    "found %s, allowed is a document "
		    "of kind MonoVertex or Host",
		    fby_yaml_describe(m->pool, doc));
		return;
	}
	kind = word(doc, "kind");
	if (kind == NULL && strcmp(text->name, FBY_MANIFEST_OBJECT_ENV) == 0)
		kind = "MonoVertex";
	if (kind == NULL)
		fby_err_add(err, doc->pos,
		    "kind: required, MonoVertex or Host");
	else if (strcmp(kind, "List") == 0)
		place_list(m, text, doc, err);
	else if (strcmp(kind, "MonoVertex") == 0 || strcmp(kind, "Host") == 0)
		place_ours(m, text, doc, kind, err);
	else
		other_kind(m, doc, kind, err);
}
