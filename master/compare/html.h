/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: tables and plots in one file that needs nothing else, neither a
 * script nor the network.
 */
#ifndef FBY_COMPARE_HTML_H
#define FBY_COMPARE_HTML_H

#include "shared/fby.h"

struct fby_compare;

/* Heap. */
char *fby_compare_html_make(const struct fby_compare *c);

#endif
