/* SPDX-License-Identifier: Apache-2.0 */
#include "vici_select.h"

#include <stdlib.h>
#include <string.h>

static void read_name(struct vici_selector *s, const struct vici_message *msg, const char *key, char *name, size_t size)
{
	if (vici_get(msg, key, name, size))
		return;
	*name = '\0';
	s->nothing |= vici_has(msg, key);
}

/* What is no number is no SA's. */
static uint64_t read_id(const struct vici_message *msg, const char *key)
{
	return vici_get_u64(msg, key, vici_has(msg, key) ? UINT64_MAX : 0);
}

void vici_selector_read(struct vici_selector *s, const struct vici_message *msg)
{
	s->nothing = false;
	read_name(s, msg, "ike", s->ike, sizeof(s->ike));
	read_name(s, msg, "child", s->child, sizeof(s->child));
	s->ike_id = read_id(msg, "ike-id");
	s->child_id = read_id(msg, "child-id");
}

bool vici_selector_is_empty(const struct vici_selector *s)
{
	return !s->nothing && !s->ike[0] && !s->ike_id && !vici_selects_children(s);
}

bool vici_selects_children(const struct vici_selector *s)
{
	return s->child[0] || s->child_id;
}

bool vici_selects_ike(const struct vici_selector *s, const struct ike_sa_info *sa)
{
	return !s->nothing && (!s->ike[0] || (sa->conn && !strcmp(s->ike, sa->conn->name))) &&
	       (!s->ike_id || s->ike_id == sa->uniqueid);
}

bool vici_selects_child(const struct vici_selector *s, const struct child_info *child)
{
	return (!s->child[0] || !strcmp(s->child, child->name)) && (!s->child_id || s->child_id == child->uniqueid);
}

void vici_ids_add(struct vici_ids *ids, uint32_t uniqueid)
{
	uint32_t *list = realloc(ids->list, (ids->count + 1) * sizeof(*list));

	if (!list) {
		ids->failed = true;
		return;
	}
	list[ids->count++] = uniqueid;
	ids->list = list;
}
