/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of IKE SAs for a protocol analyser, in the form of Wireshark's ikev2_decryption_table.
 * Only in builds with XSWAN_KEYLOG: the installed program has no such code.
 */
#ifndef XSWAN_IKE_KEYLOG_H
#define XSWAN_IKE_KEYLOG_H

#ifdef XSWAN_KEYLOG

#include <stddef.h>
#include <stdint.h>

/* key_len: of each of SK_ei and SK_er, with the 4 bytes of salt (RFC 5282 section 7.1). */
void keylog_append(const char *path, uint64_t spi_i, uint64_t spi_r, const uint8_t *sk_ei, const uint8_t *sk_er,
		   size_t key_len);

#endif
#endif
