/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of gateway.h's tree are made with. */
#ifndef XSWAN_VICI_GATEWAY_TREE_H
#define XSWAN_VICI_GATEWAY_TREE_H

#include "gateway.h"
#include "text.h"

/* Zeroed; NULL: no memory, and gw->error says so. */
void *gateway_alloc(struct gateway *gw, size_t size);
/* Copies that are safe to print; never NULL. */
const char *gateway_text(struct gateway *gw, const char *value, size_t len, enum text_lines lines);
const char *gateway_text_of(struct gateway *gw, const struct vici_message *m, const char *key, const char *fallback);
struct gateway_text *gateway_list_of(struct gateway *gw, const struct vici_message *m, const char *key);

/* By name; get: a new one if there is none, or NULL without memory. */
struct gateway_conn *gateway_find_conn(const struct gateway *gw, const char *name);
struct gateway_conn *gateway_get_conn(struct gateway *gw, const char *name);
struct gateway_child *gateway_find_child(const struct gateway_conn *conn, const char *name);
struct gateway_child *gateway_get_child(struct gateway *gw, struct gateway_conn *conn, const char *name);

/* 0 or -errno with the sentence in client->error. */
int gateway_request(struct gateway *gw, struct vici_client *client, const char *command, const struct vici_builder *args,
		    const char *event, vici_event_fn fn, struct vici_message *reply) __attribute__((warn_unused_result));
int gateway_load_sas(struct gateway *gw, struct vici_client *client) __attribute__((warn_unused_result));

#endif
