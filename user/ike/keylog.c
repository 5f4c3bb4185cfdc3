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

void keylog_append(const char *path, uint64_t spi_i, uint64_t spi_r, const uint8_t *sk_ei, const uint8_t *sk_er,
		   size_t key_len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "a");

	if (!f) {
		log_error("keylog %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	fprintf(f, "%016" PRIx64 ",%016" PRIx64 ",", spi_i, spi_r);
	put_hex(f, sk_ei, key_len);
	fputc(',', f);
	put_hex(f, sk_er, key_len);
	fprintf(f, ",\"AES-GCM-%zu with 16 octet ICV [RFC5282]\",,,\"NONE [RFC4306]\"\n", (key_len - 4) * 8);
	fclose(f);
}

#endif
