/* SPDX-License-Identifier: Apache-2.0 */
/* The back-ends that crypto.c chooses from. */
#ifndef XSWAN_DP_CRYPTO_BACKENDS_H
#define XSWAN_DP_CRYPTO_BACKENDS_H

#include "crypto.h"

extern const struct crypto_backend crypto_openssl;
#ifdef HAVE_IPSEC_MB
extern const struct crypto_backend crypto_ipsecmb;
#endif

#endif
