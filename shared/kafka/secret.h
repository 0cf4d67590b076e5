/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading secrets: <secretsDirectory>/<name>/<key>, or, if there is no such
 * file, the systemd credential "<name>.<key>" in $CREDENTIALS_DIRECTORY.
 * White space at both ends is cut, as upstream does.
 *
 * A secret is held no longer than it takes to hand it on.
 */
#ifndef FBY_SECRET_H
#define FBY_SECRET_H

#include "shared/fby.h"

#include "shared/base/err.h"

struct fby_manifest;
struct fby_secret;

/*
 * 0: *text is the secret, to be freed by fby_secret_free(); NULL if it is
 * optional and there is none, or none is referred to.  `path` is the
 * selector's in the manifest.
 */
int fby_secret_read(const struct fby_manifest *m,
    const struct fby_secret *secret, const char *path, char **text,
    struct fby_err *err) FBY_MUSTCHECK;

/* The same with nothing cut off, whatever bytes they are: a keytab, say. */
int fby_secret_bytes(const struct fby_manifest *m,
    const struct fby_secret *secret, const char *path, char **bytes,
    size_t *len, struct fby_err *err) FBY_MUSTCHECK;

/* Wipes it, too (a text: up to its NUL). */
void fby_secret_free(char *text);

#endif
