/* SPDX-License-Identifier: Apache-2.0 */
/* A connection or an authority as a vici message has it, made into what its section of swanctl.conf would be. */
#ifndef XSWAN_IKE_VICI_CONVERT_H
#define XSWAN_IKE_VICI_CONVERT_H

#include "../vici/message.h"
#include "loaded.h"

/* `section`: "connections" or "authorities". NULL, with the key and what is wrong in why. */
struct loaded_conn *vici_convert(const char *section, const struct vici_element *e, char *why, size_t why_size);

#endif
