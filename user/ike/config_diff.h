/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two configurations, and what that means for SAs that are up. Each key of a connection and of a
 * child has a class:
 *
 *   update     taken as it is: at once, where it is about no SA (dpd_delay, start_action), else by the next SA
 *   rekey      the Child SA gets a successor, which carries before the old one goes
 *   reconnect  the IKE SA and its Child SAs are taken down, and up again
 *
 * What proves who somebody is (secrets, our certificates, CAs, revocation lists) is taken by the next authentication, so that
 * renewing it disturbs nothing; what says whom we want (ids, methods, which CAs) is not.
 */
#ifndef XSWAN_IKE_CONFIG_DIFF_H
#define XSWAN_IKE_CONFIG_DIFF_H

#include "../lib/field.h"
#include "config.h"

/* The worst of several is the greatest. */
enum config_change { CHANGE_NONE, CHANGE_UPDATE, CHANGE_REKEY, CHANGE_RECONNECT, CHANGE_ADD, CHANGE_REMOVE };
const char *config_change_word(enum config_change change);

/* Their effect is an enum config_change. */
extern const struct field config_conn_keys[], config_child_keys[], config_shunt_keys[];

/* NULL: not there. Of a connection its own keys, without its children. */
enum config_change config_conn_change(const struct conf_conn *old, const struct conf_conn *now);
enum config_change config_child_change(const struct conf_child *old, const struct conf_child *now);
enum config_change config_shunt_change(const struct conf_shunt *old, const struct conf_shunt *now);
bool config_child_asks_same(const struct conf_child *a, const struct conf_child *b); /* traffic selectors */

/* Is the secret between these two what it was? Where the peer may be anyone: are all the secrets? */
bool config_secret_same(const struct config *old_cfg, const struct conf_conn *old, const struct config *cfg,
			const struct conf_conn *now);

/* Certificates of CAs and revocation lists, in a few words that are the same only for the same ones. */
#define CONFIG_TRUST_TEXT 64
const char *config_cas_format(const struct config *cfg, char out[static CONFIG_TRUST_TEXT]);
const char *config_crls_format(const struct config *cfg, char out[static CONFIG_TRUST_TEXT]);
/* The section authorities: names, certificates and URIs. */
const char *config_authorities_format(const struct config *cfg, char out[static FIELD_TEXT]);

const struct conf_shunt *config_find_shunt(const struct config *cfg, const char *conn, const char *name);

#endif
