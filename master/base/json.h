/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for the JSON that we say, on top of jansson.  What is not known is
 * null, never a guess.  Each returns a new reference.
 */
#ifndef FBY_JSON_H
#define FBY_JSON_H

#include "shared/fby.h"

#include <jansson.h>

/* Takes the value's reference. */
void fby_json_set(json_t *o, const char *key, json_t *value);

/* Text of any bytes; NULL is null. */
json_t *fby_json_text(const char *text);

/* A negative number is null. */
json_t *fby_json_known(int64_t n);
json_t *fby_json_count(uint64_t n);

/* One digit behind the point is what a rate is good for. */
json_t *fby_json_rate(double per_s);

#endif
