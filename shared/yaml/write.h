/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing YAML that our reader, and any other, reads as it was meant.
 *
 * `indent` is the column of the map or list that is being written.
 */
#ifndef FBY_YAML_WRITE_H
#define FBY_YAML_WRITE_H

#include "shared/fby.h"

struct fby_node;
struct fby_str;

/* A text: in quotes if it could be taken for something else. */
void fby_yaml_write_text(struct fby_str *s, const char *text);

/* " |" and the lines, or the text in quotes if a block cannot hold it. */
void fby_yaml_write_block(struct fby_str *s, const char *text, int indent);

/*
 * What follows "key:" for a value of any shape, line end included.  Values
 * whose key `is_secret` says yes to are written as "(hidden)", and so are
 * those in {name: KEY, value: …} and in the lines of `config`.
 */
typedef bool (*fby_yaml_secret_fn)(const char *key);
void fby_yaml_write_value(struct fby_str *s, const struct fby_node *node,
    int indent, fby_yaml_secret_fn is_secret);

/* The lines "key: value" of a text, secret values hidden; heap text. */
char *fby_yaml_write_hidden(const char *text, fby_yaml_secret_fn is_secret);

#endif
