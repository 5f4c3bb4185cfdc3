/* SPDX-License-Identifier: Apache-2.0 */
#include "vici_names.h"

#include <stddef.h>

const struct vici_name vici_encr_names[] = {
	{ 12, "AES_CBC" },
	{ 13, "AES_CTR" },
	{ 0, NULL },
};
const struct vici_name vici_aead_names[] = {
	{ 20, "AES_GCM_16" },
	{ 21, "NULL_AES_GMAC" },
	{ 28, "CHACHA20_POLY1305" },
	{ 0, NULL },
};
const struct vici_name vici_integ_names[] = {
	{ 12, "HMAC_SHA2_256_128" },
	{ 13, "HMAC_SHA2_384_192" },
	{ 14, "HMAC_SHA2_512_256" },
	{ 0, NULL },
};
const struct vici_name vici_prf_names[] = {
	{ 5, "PRF_HMAC_SHA2_256" },
	{ 6, "PRF_HMAC_SHA2_384" },
	{ 7, "PRF_HMAC_SHA2_512" },
	{ 0, NULL },
};
const struct vici_name vici_ke_names[] = {
	{ 14, "MODP_2048" }, { 15, "MODP_3072" },   { 16, "MODP_4096" }, { 19, "ECP_256" }, { 20, "ECP_384" },
	{ 21, "ECP_521" },   { 31, "CURVE_25519" }, { 32, "CURVE_448" }, { 0, NULL },
};

const char *vici_name_find(const struct vici_name *names, uint16_t id)
{
	while (names->name && names->id != id)
		names++;
	return names->name;
}

void vici_put_named(struct vici_builder *b, const char *key, const struct vici_name *names, uint16_t id)
{
	const char *name = vici_name_find(names, id);

	if (name)
		vici_put(b, key, name);
	else if (id)
		vici_putf(b, key, "%u", id);
}
