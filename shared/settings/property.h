/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of librdkafka that are more than a value: those that name a
 * program, a library or a file, and those that would turn librdkafka against
 * the process it is in.
 *
 * A MonoVertex comes from those who may `kubectl apply`, and they must not
 * run code on this machine or read its files; so what names one of these is
 * refused there, and has its place in spec.kafka.config of the Host document.
 * Its unit goes over all properties of the librdkafka in use and fails when one
 * is new and not known to be harmless.
 */
#ifndef FBY_KAFKA_PROPERTY_H
#define FBY_KAFKA_PROPERTY_H

#include "shared/fby.h"

enum fby_property_kind {
	FBY_PROPERTY_VALUE,   /* all others: numbers, words, texts */
	FBY_PROPERTY_PROGRAM, /* a command that is run */
	FBY_PROPERTY_LIBRARY, /* code that is loaded */
	FBY_PROPERTY_FILE,    /* a file that is read or written */
	FBY_PROPERTY_INTERNAL /* refused in both documents */
};

enum fby_property_kind fby_kafka_property_kind(const char *key);

/* "a program", "a library", "a file"; NULL for the others. */
const char *fby_kafka_property_names(const char *key);

/* Does it say how to connect, and nothing else? */
bool fby_kafka_property_is_connection(const char *key);

#endif
