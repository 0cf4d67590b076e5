/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest's texts in a sealed memfd, and back; the format is in
 * manifest.h.  Sealed, so that nobody, not even the master, can change what a
 * worker reads after the master has checked it.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#define MAGIC "forebay-manifest 3 "
#define MAX_TEXTS 1000
#define MAX_BYTES (INT64_C(1) << 30)

int
fby_manifest_pack_into(const struct fby_manifest *m, int fd)
{
	const char *dir = fby_manifest_run_dir(m);
	struct fby_str s;
	int rc = -1;

	fby_str_init(&s);
	fby_str_printf(&s, MAGIC "%zu %zu %s\n%s", m->ntexts, strlen(dir),
	    m->host_id ? m->host_id : "", dir);
	for (size_t i = 0; i < m->ntexts; i++) {
		fby_str_printf(&s, "%zu ", m->texts[i].len);
		/* The name ends at the line's end, so it may hold none. */
		fby_str_escape(&s, m->texts[i].name, strlen(m->texts[i].name));
		if (m->texts[i].pick) {
			fby_str_puts(&s, "\t");
			fby_str_escape(&s, m->texts[i].pick,
			    strlen(m->texts[i].pick));
		}
		fby_str_puts(&s, "\n");
		fby_str_add(&s, m->texts[i].text, m->texts[i].len);
	}
	/* Passwords may be in it. */
	if (fby_file_write(fd, s.p, s.len) == 0)
		rc = fby_file_seal(fd);
	fby_str_fini(&s);
	return rc;
}

int
fby_manifest_pack(const struct fby_manifest *m)
{
	int fd, saved;

	fd = memfd_create("forebay-manifest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || fby_manifest_pack_into(m, fd) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* A decimal number that ends with `end`; *p moves behind that. */
static int
read_number(const char **p, const char *limit, char end, size_t max, size_t *n)
{
	*n = 0;
	while (*p < limit && **p >= '0' && **p <= '9') {
		*n = *n * 10 + (size_t)(*(*p)++ - '0');
		if (*n > max)
			return -1;
	}
	if (*p == limit || **p != end)
		return -1;
	(*p)++;
	return 0;
}

static int
unpack_text(struct fby_pool *pool, const char **p, const char *limit,
    struct fby_manifest_text *text)
{
	const char *eol, *tab;

	if (read_number(p, limit, ' ', MAX_BYTES, &text->len) == -1)
		return -1;
	eol = memchr(*p, '\n', (size_t)(limit - *p));
	if (eol == NULL || (size_t)(limit - eol - 1) < text->len)
		return -1;
	tab = memchr(*p, '\t', (size_t)(eol - *p));
	text->name = fby_pstrndup(pool, *p, (size_t)((tab ? tab : eol) - *p));
	text->pick = tab ?
	    fby_pstrndup(pool, tab + 1, (size_t)(eol - tab - 1)) :
	    NULL;
	text->text = eol + 1;
	*p = eol + 1 + text->len;
	return 0;
}

struct head {
	size_t ntexts;
	const char *host_id, *run_dir;
};

/* "N LEN HOST-ID\n", and LEN bytes */
static int
unpack_head(struct fby_pool *pool, const char **p, const char *limit,
    struct head *head)
{
	const char *eol;
	size_t len;

	if (read_number(p, limit, ' ', MAX_TEXTS, &head->ntexts) == -1 ||
	    read_number(p, limit, ' ', PATH_MAX, &len) == -1)
		return -1;
	eol = memchr(*p, '\n', (size_t)(limit - *p));
	if (eol == NULL || (size_t)(limit - eol - 1) < len)
		return -1;
	if (eol > *p)
		head->host_id = fby_pstrndup(pool, *p, (size_t)(eol - *p));
	*p = eol + 1 + len;
	if (len == 0 || eol[1] != '/' || memchr(eol + 1, '\0', len))
		return -1;
	head->run_dir = fby_pstrndup(pool, eol + 1, len);
	return 0;
}

static struct fby_manifest *
unpack(const char *p, size_t len, struct fby_err *err)
{
	const struct fby_pos pos = { NULL, 0, 0 };
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	const char *limit = p + len;
	struct fby_manifest_text *texts;
	struct fby_manifest *m = NULL;
	struct head head = { .ntexts = 0 };
	int rc = -1;

	if (len > strlen(MAGIC) && memcmp(p, MAGIC, strlen(MAGIC)) == 0) {
		p += strlen(MAGIC);
		rc = unpack_head(pool, &p, limit, &head);
	}
	texts = fby_pcalloc(pool, (head.ntexts + 1) * sizeof(*texts));
	for (size_t i = 0; i < head.ntexts && rc == 0; i++)
		rc = unpack_text(pool, &p, limit, &texts[i]);
	if (rc == -1 || p != limit)
		fby_err_add(err, pos, "not a packed manifest");
	else
		m = fby_manifest_parse(texts, head.ntexts, err);
	if (m && head.host_id)
		m->host_id = fby_pstrdup(m->pool, head.host_id);
	if (m)
		m->run_dir = fby_pstrdup(m->pool, head.run_dir);
	fby_pool_free(pool);
	return m;
}

struct fby_manifest *
fby_manifest_unpack(int fd, struct fby_err *err)
{
	const struct fby_pos pos = { NULL, 0, 0 };
	struct fby_manifest *m;
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1 || st.st_size <= 0 || st.st_size > MAX_BYTES) {
		fby_err_add(err, pos, "not a packed manifest");
		return NULL;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		fby_err_add(err, pos, "packed manifest: mmap: %s",
		    strerror(errno));
		return NULL;
	}
	m = unpack(p, (size_t)st.st_size, err);
	munmap(p, (size_t)st.st_size);
	return m;
}
