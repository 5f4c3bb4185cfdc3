/* SPDX-License-Identifier: Apache-2.0 */
#include "auth.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

static const char key_pad[] = "Key Pad for IKEv2";

/* AUTH = prf(prf(PSK, "Key Pad for IKEv2"), <message> | <nonce> | prf(SK_p, <ID>)) */
int auth_shared_key(const struct auth_input *in, struct span psk, uint8_t out[static PRF_MAX])
{
	struct span pad = { (const uint8_t *)key_pad, sizeof(key_pad) - 1 };
	uint8_t key[PRF_MAX], maced_id[PRF_MAX];
	size_t len = prf_len(in->prf);
	struct span octets[] = { in->message, in->nonce, { maced_id, len } };
	int ret;

	ret = prf_compute(in->prf, in->sk_p, &in->id, 1, maced_id);
	if (ret)
		goto out;
	ret = prf_compute(in->prf, psk, &pad, 1, key);
	if (ret)
		goto out;
	ret = prf_compute(in->prf, (struct span){ key, len }, octets, 3, out);
out:
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(maced_id, sizeof(maced_id));
	return ret;
}

void identity_write(struct writer *w, const struct identity *id)
{
	writer_u8(w, id->type);
	writer_zero(w, 3);
	writer_bytes(w, id->data, id->len);
}

int identity_read(struct identity *id, struct span body)
{
	struct cursor c = cursor_over(body);
	struct span data;

	*id = (struct identity){ .type = cursor_u8(&c) };
	cursor_take(&c, 3);
	data = cursor_rest(&c);
	if (c.error || id->type == ID_ANY || !data.len || data.len > sizeof(id->data))
		return -EBADMSG;
	if ((id->type == ID_IPV4_ADDR && data.len != 4) || (id->type == ID_IPV6_ADDR && data.len != 16))
		return -EBADMSG;
	if (id->type == ID_DER_ASN1_DN) {
		*id = identity_of_name(data.data, data.len);
		return id->hash ? 0 : -EBADMSG;
	}
	id->len = data.len;
	memcpy(id->data, data.data, data.len);
	return 0;
}

struct identity identity_of_addr(const struct addr *addr)
{
	struct identity id = { .type = addr->family == 6 ? ID_IPV6_ADDR : ID_IPV4_ADDR, .len = addr_len(addr) };

	memcpy(id.data, addr->ip, id.len);
	return id;
}
