/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML tree as JSON, every scalar of the type that Kubernetes would read.
 * Nothing is hidden: who prints it has to know what it holds.
 */
#ifndef FBY_YAML_JSON_H
#define FBY_YAML_JSON_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_node;

/* The caller's reference. */
json_t *fby_yaml_json_value(const struct fby_node *node);

#endif
