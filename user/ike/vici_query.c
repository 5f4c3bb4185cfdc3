/* SPDX-License-Identifier: Apache-2.0 */
/* What there is and what there is not: algorithms; pools, redirection, tokens; the settings of xswan.conf. */
#include <string.h>

#include "daemon.h"
#include "vici_handlers.h"
#include "vici_names.h"

static void put_all(struct vici_builder *b, const char *kind, const struct vici_name *names, const char *provider)
{
	vici_begin_section(b, kind);
	for (; names->name; names++)
		vici_put(b, names->name, provider);
	vici_end_section(b);
}

/* strongSwan names the plugin; here one library does them all, and for packets a back-end of xswan-dp. */
enum vici_verdict vici_get_algorithms(void *daemon, struct vici_request *req, const struct vici_message *msg,
				      struct vici_builder *reply)
{
	static const struct vici_name hashes[] = {
		{ 2, "HASH_SHA2_256" }, { 3, "HASH_SHA2_384" }, { 4, "HASH_SHA2_512" }, { 0, NULL }
	};
	static const struct vici_name kdfs[] = { { 1, "KDF_PRF" }, { 2, "KDF_PRF_PLUS" }, { 0, NULL } };
	static const struct vici_name rngs[] = { { 1, "RNG_STRONG" }, { 2, "RNG_TRUE" }, { 0, NULL } };
	static const struct vici_name nonces[] = { { 1, "NONCE_GEN" }, { 0, NULL } };
	static const char openssl[] = "openssl";

	put_all(reply, "encryption", vici_encr_names, openssl);
	put_all(reply, "integrity", vici_integ_names, openssl);
	put_all(reply, "aead", vici_aead_names, openssl);
	put_all(reply, "hasher", hashes, openssl);
	put_all(reply, "prf", vici_prf_names, openssl);
	put_all(reply, "kdf", kdfs, openssl);
	put_all(reply, "ke", vici_ke_names, openssl);
	put_all(reply, "rng", rngs, openssl);
	put_all(reply, "nonce-gen", nonces, openssl);
	return VICI_REPLY;
}

/* None, whichever "name" is asked for, and so no "leases": which is no failure, for clients ask before they load theirs. */
enum vici_verdict vici_get_pools(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	return VICI_REPLY;
}

static enum vici_verdict no_use(struct vici_builder *reply, const char *what)
{
	vici_put_failure(reply, "xswan %s", what);
	return VICI_REPLY;
}

enum vici_verdict vici_load_pool(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	return no_use(reply, "assigns no virtual addresses, and has no use for pools (RFC 7296 section 2.19)");
}

enum vici_verdict vici_unload_pool(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	vici_put_failure(reply, "no such pool: xswan assigns no virtual addresses, and has none");
	return VICI_REPLY;
}

enum vici_verdict vici_redirect(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply)
{
	return no_use(reply, "joins networks, and has no use for redirecting clients to another gateway (RFC 5685)");
}

enum vici_verdict vici_load_token(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	return no_use(reply, "has no use for keys on PKCS#11 tokens: they are read from files");
}

enum vici_verdict vici_reload_settings(void *daemon, struct vici_request *req, const struct vici_message *msg,
				       struct vici_builder *reply)
{
	char why[512];

	if (daemon_settings_reload(daemon, why, sizeof(why)))
		vici_put_failure(reply, "%s; the running settings stay", why);
	else
		vici_put_success(reply);
	return VICI_REPLY;
}
