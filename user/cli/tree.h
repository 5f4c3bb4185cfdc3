/* SPDX-License-Identifier: Apache-2.0 */
/* vici messages as they came: sections are objects, lists arrays, values strings that are safe to print. */
#ifndef XSWAN_CLI_TREE_H
#define XSWAN_CLI_TREE_H

#include <stdio.h>

#include <jansson.h>

#include "../vici/message.h"

json_t *tree_json(const struct vici_message *msg);
json_t *tree_text(const struct vici_element *value); /* null: out of memory */
/* "key = value" lines, lists with commas, sections by name and indented below it. */
void tree_print(const json_t *tree, int indent, FILE *out);

#endif
