/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto.h"

#include <string.h>

#include "crypto_backends.h"

const struct crypto_backend *const crypto_backends[] = {
#ifdef HAVE_IPSEC_MB
	&crypto_ipsecmb,
#endif
	&crypto_openssl,
	NULL,
};

const struct crypto_backend *crypto_backend_find(const char *name)
{
	bool best = !name || !strcmp(name, "auto");
	const struct crypto_backend *const *b;

	for (b = crypto_backends; *b; b++)
		if ((best || !strcmp(name, (*b)->name)) && (*b)->available())
			return *b;
	return NULL;
}
