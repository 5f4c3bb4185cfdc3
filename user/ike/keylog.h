/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of IKE SAs for a protocol analyser, in the form of Wireshark's ikev2_decryption_table.
 * Only in builds with XSWAN_KEYLOG: the installed program has no such code.
 */
#ifndef XSWAN_IKE_KEYLOG_H
#define XSWAN_IKE_KEYLOG_H

#ifdef XSWAN_KEYLOG

#include "keymat.h"

void keylog_append(const char *path, uint64_t spi_i, uint64_t spi_r, const struct ike_keys *keys);

#endif
#endif
