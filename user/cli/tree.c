/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include "../vici/text.h"

json_t *tree_text(const struct vici_element *value)
{
	char *text = strndup(value->value, value->len);
	json_t *json = text ? json_string(text_clean(text, TEXT_ONE_LINE)) : NULL;

	free(text);
	return json ? json : json_null();
}

static json_t *list_json(const struct vici_message *list)
{
	json_t *array = json_array();
	struct vici_cursor c = vici_iterate(list);
	struct vici_element e;

	while (vici_next(&c, &e))
		json_array_append_new(array, tree_text(&e));
	return array;
}

json_t *tree_json(const struct vici_message *msg)
{
	json_t *object = json_object();
	struct vici_cursor c = vici_iterate(msg);
	struct vici_element e;

	while (vici_next(&c, &e))
		json_object_set_new(object, text_clean(e.name, TEXT_ONE_LINE),
				    e.type == VICI_SECTION ? tree_json(&e.body)
				    : e.type == VICI_LIST  ? list_json(&e.body)
							   : tree_text(&e));
	return object;
}

static void print_list(const json_t *list, FILE *out)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		fprintf(out, "%s%s", i ? ", " : "", json_string_value(item));
	fputc('\n', out);
}

/* jansson keeps the order in which keys came. */
void tree_print(const json_t *tree, int indent, FILE *out)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)tree, key, value) {
		fprintf(out, "%*s%s", indent, "", key);
		if (json_is_object(value)) {
			fputs(":\n", out);
			tree_print(value, indent + 2, out);
		} else if (json_is_array(value)) {
			fputs(" = ", out);
			print_list(value, out);
		} else {
			fprintf(out, " = %s\n", json_string_value(value));
		}
	}
}
