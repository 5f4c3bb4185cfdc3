/* SPDX-License-Identifier: Apache-2.0 */
#include "keylog.h"

#ifdef XSWAN_KEYLOG

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/log.h"

static void put_hex(FILE *f, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x", bytes[i]);
}

/* Wireshark's names; ChaCha20-Poly1305 it cannot decrypt in IKE. */
static const char *cipher_name(const struct esp_alg *alg, char *buf, size_t size)
{
	switch (alg->cipher) {
	case ESP_AES_GCM:
		snprintf(buf, size, "AES-GCM-%u with 16 octet ICV [RFC5282]", alg->encr_bits);
		return buf;
	case ESP_AES_CBC:
		snprintf(buf, size, "AES-CBC-%u [RFC3602]", alg->encr_bits);
		return buf;
	case ESP_AES_CTR:
		snprintf(buf, size, "AES-CTR-%u [RFC5930]", alg->encr_bits);
		return buf;
	default:
		return NULL;
	}
}

static const char *integ_name(const struct esp_alg *alg)
{
	static const char *const names[] = {
		[ESP_INTEG_NONE] = "NONE [RFC4306]",
		[ESP_HMAC_SHA2_256] = "HMAC_SHA2_256_128 [RFC4868]",
		[ESP_HMAC_SHA2_384] = "HMAC_SHA2_384_192 [RFC4868]",
		[ESP_HMAC_SHA2_512] = "HMAC_SHA2_512_256 [RFC4868]",
	};

	return names[alg->integ];
}

void keylog_append(const char *path, uint64_t spi_i, uint64_t spi_r, const struct ike_keys *keys)
{
	char buf[64];
	const char *name = cipher_name(keys->alg, buf, sizeof(buf));
	size_t encr_len = sk_encr_key_len(keys->alg), integ_len = keys->alg->integ_key_len;
	int fd = name ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "a");

	if (!f) {
		if (name)
			log_error("keylog %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	fprintf(f, "%016" PRIx64 ",%016" PRIx64 ",", spi_i, spi_r);
	put_hex(f, keys->sk_ei, encr_len);
	fputc(',', f);
	put_hex(f, keys->sk_er, encr_len);
	fprintf(f, ",\"%s\",", name);
	put_hex(f, keys->sk_ai, integ_len);
	fputc(',', f);
	put_hex(f, keys->sk_ar, integ_len);
	fprintf(f, ",\"%s\"\n", integ_name(keys->alg));
	fclose(f);
}

#endif
