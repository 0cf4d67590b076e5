/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole configuration: texts to a checked manifest, and what is made of
 * one.  NUL bytes separate the texts; the third is the environment's object.
 *
 * Nothing of the machine that runs this is looked at: secrets are read by
 * others, and the environment is emptied of what would be.
 */
#include "shared/fby.h"

#include <unistd.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"
#include "t/fuzz/fuzz.h"

#define TEXTS 3

static const char *const names[TEXTS] = { "a.yaml", "b.yaml",
	FBY_MANIFEST_OBJECT_ENV };

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	unsetenv(FBY_MANIFEST_OBJECT_ENV);
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("RUNTIME_DIRECTORY");
	return 0;
}

static void
on_difference(void *arg, const char *path, enum fby_policy policy)
{
	(void)arg;
	(void)path;
	(void)policy;
}

static enum fby_policy
compare(const struct fby_manifest *a, const struct fby_manifest *b)
{
	return fby_manifest_diff(a, b, on_difference, NULL);
}

/* A worker must read the very manifest that its master has. */
static void
pack_and_unpack(const struct fby_manifest *m)
{
	struct fby_manifest *other;
	struct fby_err err;
	int fd = fby_manifest_pack(m);

	FBY_BUG_ON(fd == -1);
	fby_err_init(&err);
	other = fby_manifest_unpack(fd, &err);
	FBY_BUG_ON(other == NULL);
	FBY_BUG_ON(compare(m, other) != FBY_POLICY_NONE);
	fby_manifest_free(other);
	fby_err_fini(&err);
	close(fd);
}

/* Both are YAML, and the object lies on one line. */
static void
read_what_is_written(const struct fby_manifest *m)
{
	char *texts[] = { fby_manifest_dump(m), fby_manifest_object(m) };

	FBY_BUG_ON(strchr(texts[1], '\n') != NULL);
	for (size_t i = 0; i < FBY_NELEM(texts); i++) {
		struct fby_node **docs;
		struct fby_err err;
		size_t n;

		fby_err_init(&err);
		FBY_BUG_ON(fby_yaml_parse(m->pool, "written", texts[i],
			       strlen(texts[i]), &docs, &n, &err) == -1);
		FBY_BUG_ON(n == 0);
		fby_err_fini(&err);
		free(texts[i]);
	}
}

static void
look_at(struct fby_manifest *m)
{
	fby_manifest_run_dir(m);
	fby_manifest_pos(m, "spec.source.kafka.topic");
	FBY_BUG_ON(compare(m, m) != FBY_POLICY_NONE);
	read_what_is_written(m);
	pack_and_unpack(m);
}

static size_t
split(const uint8_t *data, size_t size, struct fby_manifest_text *texts)
{
	const char *p = (const char *)data, *end = p + size, *nul;
	size_t n = 0;

	for (; n < TEXTS - 1 && (nul = memchr(p, '\0', (size_t)(end - p)));
	     p = nul + 1) {
		texts[n] = (struct fby_manifest_text){ names[n], p,
			(size_t)(nul - p), NULL };
		n++;
	}
	texts[n] = (struct fby_manifest_text){ names[n], p, (size_t)(end - p),
		NULL };
	return n + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fby_manifest_text texts[TEXTS];
	const size_t n = split(data, size, texts);
	struct fby_manifest *m;
	struct fby_err err;
	char *text;

	fby_err_init(&err);
	m = fby_manifest_parse(texts, n, &err);
	FBY_BUG_ON((m == NULL) != (err.total > 0));
	fby_err_sort(&err);
	text = fby_err_text(&err);
	FBY_BUG_ON(!fuzz_is_printable(text));
	free(text);
	if (m)
		look_at(m);
	fby_manifest_free(m);
	fby_err_fini(&err);
	return 0;
}
