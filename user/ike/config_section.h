/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of config_load, section by section. Problems go into p; what is built is valid if there are none. */
#ifndef XSWAN_IKE_CONFIG_SECTION_H
#define XSWAN_IKE_CONFIG_SECTION_H

#include "../lib/settings.h"
#include "bytes.h"
#include "conf_files.h"
#include "config.h"
#include "loaded.h"

/* What is loaded, and from where. */
struct loading {
	struct config *cfg;
	const char *dir; /* of swanctl.conf */
	struct conf_files *files; /* that it brings */
	bool by_client; /* what is being loaded: the files that it names are read as they are now */
	struct section *secrets; /* NULL: none */
	const struct loaded *loaded; /* NULL: files alone */
};

/* A key that may be written as long as it says what is done anyway. */
struct fixed_key {
	const char *key;
	enum {
		FIXED_WORD, /* value, or one of "a|b" */
		FIXED_YES,
		FIXED_NO,
		FIXED_ZERO, /* number or time */
		FIXED_TIME, /* any time: without effect here */
		FIXED_NUMBER, /* any number: without effect here */
		FIXED_REFUSED /* no value is right; value says what to do instead */
	} kind;
	const char *value;
	const char *why; /* not refused by itself: what another value would ask for; NULL: plain */
};

/* The table ends with a NULL key. */
void config_check_fixed(struct section *s, const struct fixed_key *table, struct problems *p);
/* Names become part of tunnel names, metrics and messages. */
bool config_check_name(const struct section *s, struct problems *p);
/* Comma-separated: the next one without blanks around it; NULL at the end. */
char *config_next_item(char **rest);
void config_load_proposals(struct section *s, const char *key, bool ike, struct conf_proposal *list, int *count,
			   struct problems *p);
void config_load_ts(struct section *s, const char *key, struct xswan_ts *list, int *count, struct problems *p);
/* Host names are looked for in *names, and added there. */
void config_load_addrs(struct section *s, const char *key, struct conf_addr *list, int *count, struct conf_name **names,
		       struct problems *p);
int config_load_id(struct setting *k, struct identity *id, struct problems *p);

/* The sections local and remote of a connection whose addresses are known; `needed`: both must be there. */
void config_load_auth(struct loading *l, struct section *s, struct conf_conn *conn, bool needed, struct problems *p);
/* Of a child: start_action, dpd_action, close_action. */
void config_load_actions(struct section *s, struct conf_child *child, const struct conf_conn *conn, struct problems *p);
void config_load_keyingtries(struct section *s, struct conf_conn *conn, struct problems *p);
/* Of a child: mode, header, dscp and tfc. */
void config_load_headers(struct section *s, struct conf_child *child, struct problems *p);

/* The directories beside swanctl.conf, into cfg->credentials. */
void config_load_credentials(struct loading *l, struct problems *p);
/* A file of revocation lists, all of them by `ca`. 0, or -errno with the reason in why. */
int config_load_crls(struct loading *l, const char *path, const struct cert *ca, char *why, size_t why_size);
void config_warn_idle_keys(const struct config *cfg); /* once connections have named their certificates */
/*
 * The first certificate of a file that k names, from x509 or x509ca unless its path is absolute, or of what a client has
 * loaded. NULL: a problem.
 */
const struct cert *config_load_cert(struct loading *l, struct setting *k, const char *file, bool ca, struct problems *p);

/* certs and sections cert<suffix>, or cacerts and cacert<suffix>: into a list of CONF_CERTS. How many. */
int config_load_certs(struct loading *l, struct section *s, bool ca, const struct cert **certs, struct problems *p);
bool config_names_certs(struct section *s, bool ca); /* is there any of these? */
void config_refuse_certs(struct section *s, bool ca, const char *why, struct problems *p); /* such sections */

/* The section authorities; what a client has loaded goes before one of the same name in a file. */
void config_load_authorities(struct loading *l, struct section *root, struct problems *p);

/* One section each; NULL: out of memory (a problem) */
/* Its shunts go into *shunts, a list with nothing behind it. NULL also when there is nothing else. */
struct conf_conn *config_load_conn(struct loading *l, struct section *s, struct conf_shunt **shunts, struct problems *p);
struct conf_child *config_load_child(struct section *s, const struct conf_conn *conn, struct problems *p);
void config_load_life(struct section *s, struct conf_conn *conn, struct problems *p); /* of an IKE SA */
bool config_is_shunt(struct section *s); /* a child's section whose mode is pass or drop */
struct conf_shunt *config_load_shunt(struct section *s, const struct conf_conn *conn, struct problems *p);
struct conf_secret *config_load_secret(struct loading *l, struct section *s, struct problems *p);
/* The key that has the secret of this section, or says where it is: secret, secret_file or secret_credential. NULL: none */
struct setting *config_find_secret(struct section *s, struct problems *p);
/* As it is written there; stays where it is. 0, or -EINVAL and a problem. */
int config_read_secret(struct loading *l, struct setting *k, struct span *text, struct problems *p);

#endif
