/* SPDX-License-Identifier: Apache-2.0 */
/* There is one way to write a message: what the parser takes comes back as it was. */
#ifndef XSWAN_TESTS_VICI_COPY_H
#define XSWAN_TESTS_VICI_COPY_H

#include <string.h>

#include "../../user/vici/message.h"

/* Writes a message again, element by element. */
static inline void vici_copy(struct vici_builder *b, const struct vici_message *m)
{
	struct vici_cursor c = vici_iterate(m);
	struct vici_element e;
	char item[VICI_VALUE_MAX + 1];

	while (vici_next(&c, &e)) {
		switch (e.type) {
		case VICI_KEY_VALUE:
			vici_put_data(b, e.name, e.value, e.len);
			break;
		case VICI_ITEM:
			memcpy(item, e.value, e.len);
			item[e.len] = '\0';
			if (strlen(item) != e.len) { /* only a writer of text: mark it instead */
				memset(item, '?', e.len);
			}
			vici_add_item(b, item);
			break;
		case VICI_SECTION:
			vici_begin_section(b, e.name);
			vici_copy(b, &e.body);
			vici_end_section(b);
			break;
		case VICI_LIST:
			vici_begin_list(b, e.name);
			vici_copy(b, &e.body);
			vici_end_list(b);
			break;
		}
	}
}

/* But for what is marked. */
static inline bool vici_is_copy(const struct vici_builder *b, const uint8_t *data, size_t len)
{
	bool same = b->len == len;

	for (size_t i = 0; same && i < len; i++)
		same = b->data[i] == data[i] || b->data[i] == '?';
	return same;
}

#endif
