/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fingerprint of something that must not be kept: does a secret have another
 * value than before?  SipHash-2-4, which tells nothing of the text to one who
 * does not have the key.
 *
 * Pure.
 */
#ifndef FBY_FINGERPRINT_H
#define FBY_FINGERPRINT_H

#include "shared/fby.h"

#define FBY_FINGERPRINT_KEY 16

uint64_t fby_fingerprint(const uint8_t key[FBY_FINGERPRINT_KEY],
    const void *data, size_t len);

#endif
