/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading secrets; see secret.h.
 */
#include "shared/fby.h"

#include "shared/kafka/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#define SECRET_MAX (1 << 20)

/* NULL with errno; ENOENT: no such file. */
static char *
read_all(const char *file, size_t *len)
{
	char *buf = NULL;
	struct stat st;
	ssize_t n = -1;
	int fd, rc;

	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		if (S_ISREG(st.st_mode) && st.st_size <= SECRET_MAX) {
			buf = fby_malloc((size_t)st.st_size + 1);
			n = read(fd, buf, (size_t)st.st_size);
		}
	}
	rc = errno;
	close(fd);
	errno = rc;
	if (n == -1) {
		free(buf);
		return NULL;
	}
	buf[n] = '\0';
	*len = (size_t)n;
	return buf;
}

static void
trim(char *text, size_t len)
{
	size_t from = 0;

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	while (isspace((unsigned char)text[from]))
		from++;
	memmove(text, text + from, len - from + 1);
}

int
fby_secret_bytes(const struct fby_manifest *m, const struct fby_secret *secret,
    const char *path, char **bytes, size_t *len, struct fby_err *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	struct fby_pos pos;
	char *file, *credential;
	int rc = 0;

	*bytes = NULL;
	*len = 0;
	if (secret->name == NULL || secret->key == NULL)
		return 0;
	pos = fby_manifest_pos(m, path);
	file = fby_asprintf("%s/%s/%s", m->host.secrets_directory, secret->name,
	    secret->key);
	credential = fby_asprintf("%s/%s.%s",
	    dir ? dir : "$CREDENTIALS_DIRECTORY", secret->name, secret->key);
	*bytes = read_all(file, len);
	if (*bytes == NULL && errno == ENOENT && dir)
		*bytes = read_all(credential, len);
	if (*bytes == NULL && errno == ENOENT && !secret->optional)
		rc = fby_err_add(err, pos,
		    "%s: there is no such secret, looked for %s and %s", path,
		    file, credential);
	else if (*bytes == NULL && errno != ENOENT)
		rc = fby_err_add(err, pos,
		    "%s: the secret cannot be read: %s (%s, %s)", path,
		    strerror(errno), file, credential);
	free(file);
	free(credential);
	return rc;
}

int
fby_secret_read(const struct fby_manifest *m, const struct fby_secret *secret,
    const char *path, char **text, struct fby_err *err)
{
	size_t len;

	if (fby_secret_bytes(m, secret, path, text, &len, err) == -1)
		return -1;
	if (*text && strlen(*text) != len) {
		fby_secret_free(*text);
		*text = NULL;
		return fby_err_add(err, fby_manifest_pos(m, path),
		    "%s: the secret holds a NUL character", path);
	}
	if (*text)
		trim(*text, len);
	return 0;
}

void
fby_secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
