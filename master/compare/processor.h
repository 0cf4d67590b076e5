/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processor this machine has, for the head of a report.
 */
#ifndef FBY_COMPARE_PROCESSOR_H
#define FBY_COMPARE_PROCESSOR_H

#include "shared/fby.h"

/*
 * As the file has it, which is /proc/cpuinfo but in tests; it has it from the
 * hypervisor: escaped, and cut between two characters.  "unknown processor" if
 * it is not said.
 */
void fby_compare_processor(const char *file, char *buf, size_t size);

#endif
