/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which values are not to be shown, going by their names: settings of
 * librdkafka, environment variables, keys of documents for other runtimes.
 */
#ifndef FBY_CONFIDENTIAL_H
#define FBY_CONFIDENTIAL_H

#include "shared/fby.h"

/* Would the value be a secret? */
bool fby_confidential_is(const char *name);

#endif
