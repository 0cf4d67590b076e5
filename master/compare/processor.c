/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processor this machine has; see processor.h.
 */
#include "shared/fby.h"

#include "master/compare/processor.h"

#include <stdio.h>
#include <string.h>

#include "shared/base/str.h"

/* NULL: the line does not say it. */
static const char *
model_of(const char *line)
{
	const char *colon = strchr(line, ':');

	if (strncmp(line, "model name", 10) != 0 || colon == NULL)
		return NULL;
	return colon + 1 + strspn(colon + 1, " ");
}

void
fby_compare_processor(const char *file, char *buf, size_t size)
{
	FILE *f = fopen(file, "re");
	const char *model = NULL;
	char line[256];

	snprintf(buf, size, "unknown processor");
	while (f && model == NULL && fgets(line, sizeof(line), f))
		model = model_of(line);
	if (model && model[strspn(model, "\n")])
		fby_str_print_into(buf, size, model, strcspn(model, "\n"));
	if (f)
		fclose(f);
}
