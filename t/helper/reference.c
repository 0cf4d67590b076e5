/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What manifests look like to forebay, without a daemon:
 *
 *	reference md | man	the reference from the directive tables
 *	reference check FILE…	errors as `forebay test` prints them; status 2
 *	reference notes FILE…	what is accepted and yet said
 *	reference dump FILE…	the effective manifest
 *	reference object FILE…	the object for another runtime
 *	reference diff A B	"policy path" for each setting that differs,
 *				then the strongest policy
 *
 * Unlike the other helpers it links the product's own code: its output is
 * what the tests look at.
 */
#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/base/mem.h"
#include "shared/kafka/environment.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#define EXIT_CONFIG 2

static const char *const policy_names[] = {
	[FBY_POLICY_NONE] = "none",
	[FBY_POLICY_LIVE] = "live",
	[FBY_POLICY_ROLL] = "roll",
	[FBY_POLICY_RESTART] = "restart",
};

static int
print(char *text)
{
	fputs(text, stdout);
	free(text);
	return 0;
}

static void
on_difference(void *arg, const char *path, enum fby_policy policy)
{
	(void)arg;
	printf("%s %s\n", policy_names[policy], path);
}

static int
diff(char **files, struct fby_err *err)
{
	struct fby_manifest *a = fby_manifest_load(files, 1, err);
	struct fby_manifest *b = fby_manifest_load(files + 1, 1, err);

	if (a && b)
		printf("%s\n",
		    policy_names[fby_manifest_diff(a, b, on_difference, NULL)]);
	fby_manifest_free(a);
	fby_manifest_free(b);
	return 0;
}

static int
with_manifest(const char *word, char **files, int n, struct fby_err *err)
{
	struct fby_manifest *m = fby_manifest_load(files, (size_t)n, err);
	int rc = 0;

	if (m == NULL)
		return 0;
	if (strcmp(word, "dump") == 0)
		print(fby_manifest_dump(m));
	else if (strcmp(word, "notes") == 0)
		print(fby_err_text(m->notes));
	else if (strcmp(word, "object") == 0)
		print(fby_manifest_object(m));
	else if (strcmp(word, "check") != 0)
		rc = 1;
	else if (fby_environment_try(m, err) == -1 ||
	    (strcmp(m->runtime, "c") == 0 && fby_kafka_try(m, err) == -1))
		rc = EXIT_CONFIG;
	fby_manifest_free(m);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	struct fby_err err;
	int rc;

	fby_mem_init();
	if (strcmp(word, "md") == 0)
		return print(fby_manifest_reference());
	if (strcmp(word, "man") == 0)
		return print(fby_manifest_man());
	fby_err_init(&err);
	if (strcmp(word, "diff") == 0 && argc == 4)
		rc = diff(argv + 2, &err);
	else
		rc = with_manifest(word, argv + 2, argc - 2, &err);
	if (err.total > 0) {
		print(fby_err_text(&err));
		rc = EXIT_CONFIG;
	}
	fby_err_fini(&err);
	return rc;
}
