/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a YAML tree to JSON; see yaml/json.h.
 */
#include "shared/fby.h"

#include "shared/yaml/json.h"

#include "shared/base/units.h"
#include "shared/yaml/yaml.h"

static json_t *
scalar_json(const struct fby_node *node)
{
	json_t *json = NULL;
	int64_t n;
	double x;

	switch (fby_yaml_type(node)) {
	case FBY_YAML_NULL:
		return json_null();
	case FBY_YAML_BOOL:
		return json_boolean(fby_yaml_is_true(node));
	case FBY_YAML_INT:
		if (fby_units_int(node->text, &n) == NULL)
			json = json_integer(n);
		break;
	case FBY_YAML_FLOAT:
		if (fby_units_num(node->text, &x) == NULL)
			json = json_real(x);
		break;
	default:
		break;
	}
	return json ? json : json_string(node->text);
}

json_t *
fby_yaml_json_value(const struct fby_node *node)
{
	json_t *json;

	if (node->kind == FBY_NODE_SCALAR)
		return scalar_json(node);
	json = node->kind == FBY_NODE_MAP ? json_object() : json_array();
	for (size_t i = 0; i < node->n; i++)
		if (node->kind == FBY_NODE_MAP)
			json_object_set_new(json, node->items[i].key,
			    fby_yaml_json_value(node->items[i].node));
		else
			json_array_append_new(json,
			    fby_yaml_json_value(node->items[i].node));
	return json;
}
