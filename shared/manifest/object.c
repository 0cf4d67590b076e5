/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MonoVertex as Numaflow's controller hands it to a data plane: the
 * document as it is, reduced to name, namespace and spec, limits with their
 * defaults, and what only the controller needs emptied.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include <jansson.h>

#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/json.h"
#include "shared/yaml/yaml.h"

#define LOOKBACK_S 120 /* scale.lookbackSeconds upstream */

static void
set_limits(const struct fby_manifest *m, json_t *spec)
{
	json_t *limits = json_object_get(spec, "limits");

	if (!json_is_object(limits)) {
		limits = json_object();
		json_object_set_new(spec, "limits", limits);
	}
	json_object_set_new(limits, "readBatchSize",
	    json_integer(m->read_batch_size));
	json_object_set_new(limits, "readTimeout",
	    json_string(fby_units_duration_text(m->pool, m->read_timeout_ms)));
	json_object_set_new(limits, "concurrency",
	    json_integer(m->concurrency));
}

static void
set_scale(json_t *spec)
{
	json_t *lookback = json_object_get(json_object_get(spec, "scale"),
	    "lookbackSeconds");
	json_t *scale = json_object();

	if (lookback)
		json_object_set(scale, "lookbackSeconds", lookback);
	else
		json_object_set_new(scale, "lookbackSeconds",
		    json_integer(LOOKBACK_S));
	json_object_set_new(spec, "scale", scale);
}

char *
fby_manifest_object(const struct fby_manifest *m)
{
	json_t *spec = fby_yaml_json_value(fby_yaml_find(m->mvtx, "spec"));
	json_t *object = json_object(), *metadata = json_object();
	char *text;

	json_object_set_new(metadata, "name", json_string(m->name));
	json_object_set_new(metadata, "namespace", json_string(m->namespace_));
	json_object_set_new(object, "metadata", metadata);
	json_object_set_new(object, "spec", spec);
	json_object_set_new(spec, "replicas", json_integer(0));
	set_limits(m, spec);
	set_scale(spec);
	json_object_set_new(spec, "updateStrategy", json_object());
	json_object_set_new(spec, "lifecycle", json_object());
	text = json_dumps(object, JSON_COMPACT);
	if (text == NULL)
		fby_mem_fatal();
	json_decref(object);
	return text;
}
