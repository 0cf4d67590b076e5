/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's volumes as mounts; see mounts.h.
 */
#include "shared/fby.h"

#include "master/runtime/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/kafka/secret.h"
#include "shared/manifest/manifest.h"
#include "shared/yaml/yaml.h"

#include "master/base/account.h"

#define SECRETS "/var/numaflow/secrets"
#define RUNTIME "/var/numaflow/runtime"
#define RUN FBY_MOUNTS_MACHINES

struct file {
	const char *dir, *path; /* SECRETS/NAME, SECRETS/NAME/KEY */
	char *bytes;
	size_t len;
};

struct fby_mounts {
	struct fby_pool *pool;
	uid_t uid; /* whose all of it is */
	gid_t gid;
	const char *run, *runtime; /* bound there */
	struct file *files;
	size_t nfiles;
	bool has_secrets; /* else those of the machine stay */
};

/* ---- which secrets? --------------------------------------------------- */

struct reference {
	struct fby_secret secret;
	const char *path; /* "spec.source.kafka.…" */
};

struct references {
	struct fby_pool *pool;
	struct reference *v;
	size_t n;
};

static const char *
text_of(const struct fby_node *node, const char *key)
{
	const struct fby_node *value = fby_yaml_find(node, key);

	return value && value->kind == FBY_NODE_SCALAR ? value->text : NULL;
}

/* A map of `name` and `key`, and at most `optional`: Kubernetes' selector. */
static bool
is_selector(const struct fby_node *node)
{
	size_t known = 2 + (fby_yaml_item(node, "optional") != NULL);

	return node->kind == FBY_NODE_MAP && node->n == known &&
	    text_of(node, "name") && text_of(node, "key");
}

static void
add_reference(struct references *refs, const struct fby_node *node,
    const char *path)
{
	const struct fby_node *optional = fby_yaml_find(node, "optional");
	struct reference *more;

	/* A pool has no realloc, and there are a handful. */
	more = fby_pcalloc(refs->pool, (refs->n + 1) * sizeof(*more));
	if (refs->n > 0)
		memcpy(more, refs->v, refs->n * sizeof(*more));
	more[refs->n++] = (struct reference){
		.secret = { .name = text_of(node, "name"),
		    .key = text_of(node, "key"),
		    .optional = optional && fby_yaml_is_true(optional) },
		.path = path,
	};
	refs->v = more;
}

/*
 * By their shape, wherever they are: another runtime has sources and sinks
 * that we have no table of.  What the environment is filled from is no file.
 */
static void
collect(struct references *refs, const struct fby_node *node, const char *path)
{
	if (is_selector(node)) {
		add_reference(refs, node, path);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		const struct fby_item *item = &node->items[i];

		if (item->node->kind == FBY_NODE_SCALAR ||
		    (item->key && strcmp(item->key, "valueFrom") == 0))
			continue;
		collect(refs, item->node,
		    item->key ?
			fby_psprintf(refs->pool, "%s.%s", path, item->key) :
			fby_psprintf(refs->pool, "%s[%zu]", path, i));
	}
}

static void
find_references(struct references *refs, const struct fby_manifest *m,
    struct fby_pool *pool)
{
	const struct fby_node *spec = fby_yaml_find(m->mvtx, "spec");

	*refs = (struct references){ .pool = pool };
	if (spec)
		collect(refs, spec, "spec");
}

/* What is to be one component of a path. */
static bool
is_component(const char *s)
{
	return *s != '\0' && strchr(s, '/') == NULL && strcmp(s, ".") != 0 &&
	    strcmp(s, "..") != 0;
}

/* 0 with bytes NULL: optional, and there is none. */
static int
read_one(const struct fby_manifest *m, const struct reference *ref,
    char **bytes, size_t *len, struct fby_err *err)
{
	const struct fby_secret *s = &ref->secret;

	*bytes = NULL;
	if (!is_component(s->name) || !is_component(s->key))
		return fby_err_add(err, fby_manifest_pos(m, ref->path),
		    "%s: found %s/%s, allowed are names without a slash",
		    ref->path, s->name, s->key);
	return fby_secret_bytes(m, s, ref->path, bytes, len, err);
}

/* ---- may we? ---------------------------------------------------------- */

/* The namespace, and nothing of it is seen outside. */
static int
unshare_mounts(void)
{
	if (unshare(CLONE_NEWNS) == -1)
		return -1;
	/* SLAVE: what is mounted or unmounted outside still comes in. */
	return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
}

int
fby_mounts_refused(void)
{
	sigset_t all, before;
	int status;
	pid_t pid;

	/* Our handlers are not for the child: see spawn.c. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		_exit(unshare_mounts() == 0 ? 0 : errno);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid == -1)
		return EAGAIN;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

/* Without mounts: is the file that we read the one that it will open? */
static bool
is_in_place(const struct fby_manifest *m, const struct fby_secret *s)
{
	char *ours = fby_asprintf("%s/%s/%s", m->host.secrets_directory,
	    s->name, s->key);
	char *its = fby_asprintf(SECRETS "/%s/%s", s->name, s->key);
	struct stat a, b;
	bool same;

	same = stat(ours, &a) == 0 && stat(its, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	free(ours);
	free(its);
	return same;
}

int
fby_mounts_check(const struct fby_manifest *m, const char *runtime,
    struct fby_err *err)
{
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	struct references refs;
	int rc = 0, refused = 0;

	find_references(&refs, m, pool);
	if (refs.n > 0)
		refused = fby_mounts_refused();
	for (size_t i = 0; i < refs.n; i++) {
		const struct reference *ref = &refs.v[i];
		size_t len;
		char *bytes;

		if (read_one(m, ref, &bytes, &len, err) == -1)
			rc = -1;
		else if (bytes && refused && !is_in_place(m, &ref->secret)) {
			rc = fby_err_add(err, fby_manifest_pos(m, ref->path),
			    "%s: the runtime \"%s\" looks for it in " SECRETS
			    "/%s/%s and forebay may not make it appear there "
			    "(%s); put it there, or give forebay "
			    "CAP_SYS_ADMIN",
			    ref->path, runtime, ref->secret.name,
			    ref->secret.key, strerror(refused));
			refused = 0; /* all others for the same reason */
		}
		if (bytes)
			explicit_bzero(bytes, len);
		free(bytes);
	}
	fby_pool_free(pool);
	return rc;
}

/* ---- prepared in the master ------------------------------------------- */

static int
make_dirs(const char *path, mode_t mode, struct fby_err *err)
{
	int rc = fby_file_make_dirs(path, mode);

	if (rc == -1)
		fby_err_add(err, (struct fby_pos){ NULL, 0, 0 }, "%s: %s", path,
		    strerror(errno));
	return rc;
}

static int
read_secrets(struct fby_mounts *mo, const struct fby_manifest *m,
    struct fby_err *err)
{
	struct references refs;

	find_references(&refs, m, mo->pool);
	mo->files = fby_pcalloc(mo->pool, (refs.n + 1) * sizeof(*mo->files));
	for (size_t i = 0; i < refs.n; i++) {
		const struct fby_secret *s = &refs.v[i].secret;
		struct file *f = &mo->files[mo->nfiles];

		if (read_one(m, &refs.v[i], &f->bytes, &f->len, err) == -1)
			return -1;
		if (f->bytes == NULL)
			continue;
		f->dir = fby_psprintf(mo->pool, SECRETS "/%s", s->name);
		f->path = fby_psprintf(mo->pool, "%s/%s", f->dir, s->key);
		mo->nfiles++;
	}
	return 0;
}

static int
give_to(const struct fby_mounts *mo, const char *path, struct fby_err *err)
{
	if (mo->uid == geteuid() || lchown(path, mo->uid, mo->gid) == 0)
		return 0;
	return fby_err_add(err, (struct fby_pos){ NULL, 0, 0 }, "%s: %s", path,
	    strerror(errno));
}

/* As Kubernetes has them; nobody else gets as far as there. */
static int
open_to_all(const char *path, struct fby_err *err)
{
	if (chmod(path, 02777) == 0)
		return 0;
	return fby_err_add(err, (struct fby_pos){ NULL, 0, 0 }, "%s: %s", path,
	    strerror(errno));
}

char *
fby_mounts_pod(const char *run_dir, const char *pod)
{
	char *dir = fby_asprintf("%s/pods/%s", run_dir, pod);
	char *name = dir + strlen(run_dir) + strlen("/pods/");

	/* The name of a runtime can be anything. */
	for (char *p = name; *p; p++)
		if (*p == '/' || (*p == '.' && p == name))
			*p = '_';
	return dir;
}

static struct fby_mounts *
new_mounts(const char *run, const char *runtime, const struct fby_account *as)
{
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	struct fby_mounts *mo = fby_pcalloc(pool, sizeof(*mo));

	mo->pool = pool;
	mo->uid = as ? as->uid : geteuid();
	mo->gid = as ? as->gid : getegid();
	mo->run = fby_pstrdup(pool, run);
	mo->runtime = fby_pstrdup(pool, runtime);
	return mo;
}

struct fby_mounts *
fby_mounts_new(const struct fby_manifest *m, const char *run_dir,
    const char *pod, const struct fby_account *as, struct fby_err *err)
{
	char *dir = fby_mounts_pod(run_dir, pod);
	char *run = fby_asprintf("%s/" FBY_MOUNTS_RUN, dir);
	char *runtime = fby_asprintf("%s/" FBY_MOUNTS_RUNTIME, dir);
	struct fby_mounts *mo = new_mounts(run, runtime, as);

	free(runtime);
	free(run);
	free(dir);
	mo->has_secrets = true;
	if (read_secrets(mo, m, err) == 0 &&
	    make_dirs(mo->run, 0755, err) == 0 &&
	    make_dirs(mo->runtime, 0755, err) == 0 &&
	    give_to(mo, mo->run, err) == 0 &&
	    give_to(mo, mo->runtime, err) == 0 &&
	    (!fby_manifest_has_functions(m) ||
		(open_to_all(mo->run, err) == 0 &&
		    open_to_all(mo->runtime, err) == 0)) &&
	    make_dirs(SECRETS, 0755, err) == 0 &&
	    make_dirs(RUNTIME, 0755, err) == 0 &&
	    make_dirs(RUN, 0755, err) == 0)
		return mo;
	fby_mounts_free(mo);
	return NULL;
}

struct fby_mounts *
fby_mounts_of_function(const char *run, const char *runtime,
    const struct fby_account *as, struct fby_err *err)
{
	struct fby_mounts *mo = new_mounts(run, runtime, as);

	if (make_dirs(RUNTIME, 0755, err) == 0 &&
	    make_dirs(RUN, 0755, err) == 0)
		return mo;
	fby_mounts_free(mo);
	return NULL;
}

void
fby_mounts_free(struct fby_mounts *mo)
{
	if (mo == NULL)
		return;
	for (size_t i = 0; i < mo->nfiles; i++) {
		explicit_bzero(mo->files[i].bytes, mo->files[i].len);
		free(mo->files[i].bytes);
	}
	fby_pool_free(mo->pool);
}

/* ---- done in the child ------------------------------------------------ */

/* strerror() may allocate; the log has the place, errno is in no hurry. */
static int
complain(const char *what, const char *path)
{
	static const char head[] = "forebay: cannot ", end[] = "\n";
	ssize_t n = 0;

	n += write(STDERR_FILENO, head, sizeof(head) - 1);
	n += write(STDERR_FILENO, what, strlen(what));
	n += write(STDERR_FILENO, path, strlen(path));
	n += write(STDERR_FILENO, end, sizeof(end) - 1);
	(void)n;
	return -1;
}

static int
write_secret(const struct fby_mounts *mo, const struct file *f)
{
	ssize_t n;
	int fd;

	if (mkdir(f->dir, 0755) == -1 && errno != EEXIST)
		return complain("make the directory ", f->dir);
	fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0400);
	/* The same one twice is written once: it cannot be opened again. */
	if (fd == -1 && errno == EACCES)
		return 0;
	n = fd == -1 || fchown(fd, mo->uid, mo->gid) == -1 ?
	    -1 :
	    write(fd, f->bytes, f->len);
	if (fd != -1)
		close(fd);
	return n == (ssize_t)f->len ? 0 : complain("write ", f->path);
}

static int
show_secrets(const struct fby_mounts *mo)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount("tmpfs", SECRETS, "tmpfs", flags, "mode=0755") == -1)
		return complain("mount a tmpfs on ", SECRETS);
	for (size_t i = 0; i < mo->nfiles; i++)
		if (write_secret(mo, &mo->files[i]) == -1)
			return -1;
	if (mount(NULL, SECRETS, NULL, flags | MS_REMOUNT | MS_RDONLY,
		"mode=0755") == -1)
		return complain("make read-only ", SECRETS);
	return 0;
}

int
fby_mounts_enter(void *arg)
{
	const struct fby_mounts *mo = arg;

	if (unshare_mounts() == -1)
		return complain("make a mount namespace for ", mo->run);
	if (mount(mo->run, RUN, NULL, MS_BIND, NULL) == -1)
		return complain("mount a directory on ", RUN);
	if (mount(mo->runtime, RUNTIME, NULL, MS_BIND, NULL) == -1)
		return complain("mount a directory on ", RUNTIME);
	return mo->has_secrets ? show_secrets(mo) : 0;
}
