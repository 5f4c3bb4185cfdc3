/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../lib/esp_alg.h"
#include "daemon.h"
#include "vici_handlers.h"
#include "vici_names.h"

static void put_cipher(struct vici_builder *b, uint16_t encr)
{
	const bool aead = vici_name_find(vici_aead_names, encr);

	vici_put_named(b, "encr-alg", aead ? vici_aead_names : vici_encr_names, encr);
}

static const char *ike_state(enum ike_sa_state state)
{
	switch (state) {
	case IKE_CONNECTING:
		return "CONNECTING";
	case IKE_ESTABLISHED:
		return "ESTABLISHED";
	case IKE_DELETING:
		return "DELETING";
	}
	return "CREATED";
}

static const char *child_state(enum child_state state)
{
	switch (state) {
	case CHILD_CREATED:
		return "CREATED";
	case CHILD_INSTALLED:
		return "INSTALLED";
	case CHILD_REKEYING:
		return "REKEYING";
	case CHILD_REKEYED:
		return "REKEYED";
	case CHILD_DELETING:
		return "DELETING";
	case CHILD_DELETED:
		return "DELETED";
	}
	return "CREATED";
}

static void put_endpoint(struct vici_builder *b, const char *side, const struct endpoint *ep, const struct identity *id)
{
	char key[32], text[ADDR_TEXT], id_text[300];

	snprintf(key, sizeof(key), "%s-host", side);
	vici_put(b, key, addr_format(&ep->addr, text));
	snprintf(key, sizeof(key), "%s-port", side);
	vici_putf(b, key, "%u", ep->port);
	snprintf(key, sizeof(key), "%s-id", side);
	vici_put(b, key, identity_format(id, id_text, sizeof(id_text)));
}

/* Seconds until then, as strongSwan has it. */
static void put_left(struct vici_builder *b, const char *key, uint64_t when)
{
	const uint64_t now = daemon_now();

	if (when != IKE_TIME_NEVER)
		vici_putf(b, key, "%" PRIu64, when > now ? (when - now) / 1000000 : 0);
}

static void put_tasks(struct vici_builder *b, const struct ike_sa_info *sa)
{
	if (sa->queued_count) {
		vici_begin_list(b, "tasks-queued");
		for (int i = 0; i < sa->queued_count; i++)
			vici_add_item(b, sa->queued[i]);
		vici_end_list(b);
	}
	if (sa->task) {
		vici_begin_list(b, "tasks-active");
		vici_add_item(b, sa->task);
		vici_end_list(b);
	}
}

void vici_put_ike_sa(struct vici_builder *b, const struct ike_sa_info *sa)
{
	vici_putf(b, "uniqueid", "%u", sa->uniqueid);
	vici_put(b, "version", "2");
	vici_put(b, "state", ike_state(sa->state));
	put_endpoint(b, "local", &sa->local, &sa->local_id);
	put_endpoint(b, "remote", &sa->remote, &sa->remote_id);
	vici_put_flag(b, "initiator", sa->initiator);
	vici_putf(b, "initiator-spi", "%016" PRIx64, sa->spi_i);
	vici_putf(b, "responder-spi", "%016" PRIx64, sa->spi_r);
	vici_put_flag(b, "nat-local", sa->nat_local);
	vici_put_flag(b, "nat-remote", sa->nat_remote);
	vici_put_flag(b, "nat-fake", sa->nat_fake);
	vici_put_flag(b, "nat-any", sa->nat_local || sa->nat_remote || sa->nat_fake);
	if (sa->encr) {
		put_cipher(b, sa->encr);
		if (sa->encr_bits)
			vici_putf(b, "encr-keysize", "%u", sa->encr_bits);
		vici_put_named(b, "integ-alg", vici_integ_names, sa->integ);
		vici_put_named(b, "prf-alg", vici_prf_names, sa->prf);
		vici_put_named(b, "dh-group", vici_ke_names, sa->ke);
	}
	if (sa->state == IKE_ESTABLISHED) {
		vici_putf(b, "established", "%" PRIu64, (daemon_now() - sa->established_at) / 1000000);
		put_left(b, "rekey-time", sa->rekey_at);
		put_left(b, "reauth-time", sa->reauth_at);
	}
	put_tasks(b, sa);
}

static void put_traffic(struct vici_builder *b, const char *direction, const struct xswan_sa_stat *stat)
{
	uint64_t now = daemon_boottime();
	char key[32];

	snprintf(key, sizeof(key), "bytes-%s", direction);
	vici_putf(b, key, "%" PRIu64, (uint64_t)stat->bytes);
	snprintf(key, sizeof(key), "packets-%s", direction);
	vici_putf(b, key, "%" PRIu64, (uint64_t)stat->packets);
	if (!stat->last_use)
		return;
	snprintf(key, sizeof(key), "use-%s", direction);
	vici_putf(b, key, "%" PRIu64, now > stat->last_use ? now - (uint64_t)stat->last_use : 0);
}

/* In strongSwan's words. */
static void put_algorithms(struct vici_builder *b, const struct esp_alg *alg)
{
	static const char *const encr[] = { [ESP_AES_GCM] = "AES_GCM_16",
					    [ESP_CHACHA20_POLY1305] = "CHACHA20_POLY1305",
					    [ESP_AES_GMAC] = "NULL_AES_GMAC",
					    [ESP_AES_CBC] = "AES_CBC",
					    [ESP_AES_CTR] = "AES_CTR" };
	static const char *const integ[] = { [ESP_HMAC_SHA2_256] = "HMAC_SHA2_256_128",
					     [ESP_HMAC_SHA2_384] = "HMAC_SHA2_384_192",
					     [ESP_HMAC_SHA2_512] = "HMAC_SHA2_512_256" };

	if (!alg)
		return;
	vici_put(b, "encr-alg", encr[alg->cipher]);
	if (alg->encr_bits)
		vici_putf(b, "encr-keysize", "%u", alg->encr_bits);
	if (alg->integ)
		vici_put(b, "integ-alg", integ[alg->integ]);
}

/* What fits the tunnel; strongSwan leaves that to the kernel, and has no keys for it. */
static void put_path(struct vici_builder *b, const struct daemon *d, uint64_t id)
{
	struct sa_path path;

	if (sa_store_path(d->store, id, daemon_boottime(), &path))
		return;
	vici_putf(b, "mtu", "%u", path.mtu);
	vici_putf(b, "path-mtu", "%u", path.path_mtu);
	if (path.learned)
		vici_putf(b, "path-mtu-age", "%" PRIu64, path.age);
}

static void put_installed(struct vici_builder *b, struct daemon *d, const struct child_info *child)
{
	struct xswan_sa_stat in, out;

	vici_put_flag(b, "encap", child->encap);
	vici_putf(b, "spi-in", "%08x", child->spi_in);
	vici_putf(b, "spi-out", "%08x", child->spi_out);
	put_algorithms(b, esp_alg(child->alg));
	vici_put_named(b, "dh-group", vici_ke_names, child->ke);
	if (child->esn)
		vici_put(b, "esn", "1");
	if (!sa_store_query(d->store, child->sink_id, &in, &out)) {
		put_traffic(b, "in", &in);
		put_traffic(b, "out", &out);
		if (out.dummies)
			vici_putf(b, "dummies-out", "%" PRIu64, (uint64_t)out.dummies);
	}
	put_left(b, "rekey-time", child->rekey_at);
	put_left(b, "life-time", child->life_at);
	put_path(b, d, child->sink_id);
	vici_putf(b, "install-time", "%" PRIu64, (daemon_now() - child->installed_at) / 1000000);
}

void vici_put_child_keys(struct vici_builder *b, struct daemon *d, const struct child_info *child)
{
	vici_put(b, "name", child->name);
	vici_putf(b, "uniqueid", "%u", child->uniqueid);
	/* strongSwan's reqid ties policies to SAs; here the tunnel number does */
	vici_putf(b, "reqid", "%u", sa_store_tunnel(d->store, child->sink_id));
	vici_put(b, "state", child_state(child->state));
	vici_put(b, "mode", child->transport ? "TRANSPORT" : "TUNNEL");
	vici_put(b, "protocol", "ESP");
	if (child->state != CHILD_CREATED)
		put_installed(b, d, child);
	vici_put_ts(b, "local-ts", child->local_ts, child->local_ts_count);
	vici_put_ts(b, "remote-ts", child->remote_ts, child->remote_ts_count);
}

void vici_put_child_sa(struct vici_builder *b, struct daemon *d, const struct child_info *child)
{
	char name[VICI_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%.200s-%u", child->name, child->uniqueid);
	vici_begin_section(b, name);
	vici_put_child_keys(b, d, child);
	vici_end_section(b);
}
