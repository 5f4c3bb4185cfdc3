/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections, children and secrets as the engine uses them, loaded from swanctl.conf.
 * A configuration is immutable once loaded and reference counted: an IKE SA keeps the
 * one it was negotiated under.
 */
#ifndef XSWAN_IKE_CONFIG_H
#define XSWAN_IKE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/addr.h"
#include "conf_addr.h"

#define CONF_ADDRS 16
#define CONF_PROPOSALS 8
#define CONF_TS 16 /* XSWAN_DP_TS_MAX */
#define CONF_IDS 8

/* RFC 7296 section 3.5 */
enum id_type {
	ID_ANY = 0,
	ID_IPV4_ADDR = 1,
	ID_FQDN = 2,
	ID_RFC822_ADDR = 3,
	ID_IPV6_ADDR = 5,
	ID_DER_ASN1_DN = 9,
	ID_KEY_ID = 11
};

struct identity {
	uint8_t type; /* enum id_type; ID_ANY matches any peer ("%any" or not configured) */
	bool pattern; /* it has a star, and may match more than one; never of one that was received */
	uint16_t len;
	uint32_t hash; /* of a distinguished name: names that are the same have the same; 0: not computed */
	uint8_t data[256];
};

/*
 * A proposal in strongSwan's notation ("aes256gcm16-prfsha384-x25519"), as lists of
 * transform IDs in order of preference. Either its ciphers all authenticate by themselves, and there is
 * no integrity transform, or none of them does, and there is one.
 */
struct proposal_algs {
	uint16_t id; /* IANA transform ID */
	uint16_t key_bits; /* 0 where the transform has no key length attribute */
};

#define CONF_ALGS 16
struct conf_proposal {
	char text[128]; /* as configured, for messages */
	int encr_count, integ_count, prf_count, ke_count, esn_count;
	struct proposal_algs encr[CONF_ALGS];
	uint16_t integ[CONF_ALGS];
	uint16_t prf[CONF_ALGS]; /* IKE only */
	uint16_t ke[CONF_ALGS]; /* groups; for ESP: of CREATE_CHILD_SA, where 0 (NONE) may be among them */
	uint8_t esn[2]; /* ESP only: 1 (ESN), 0 (no ESN), in order of preference */
	bool without_ke; /* ESP in IKE_AUTH, which has no key exchange for a Child SA (RFC 7296 section 1.2) */
};

/* RFC 7383: fragments go both ways, only to us, or not at all. */
enum fragmentation { FRAGMENTATION_YES, FRAGMENTATION_ACCEPT, FRAGMENTATION_NO };

/* How one side of a connection shows who it is. */
enum auth_kind { AUTH_BY_PSK, AUTH_BY_CERT };
/* What a chain needs: no list that names one of its certificates; lists where a certificate says that there are; all lists. */
enum revocation { REVOCATION_RELAXED, REVOCATION_IFURI, REVOCATION_STRICT };

struct cert;
struct credentials;

#define CONF_CERTS 8
struct conf_auth {
	uint8_t kind; /* enum auth_kind; what follows is for AUTH_BY_CERT */
	uint8_t revocation; /* remote: enum revocation */
	uint16_t rsa_bits, ecdsa_bits; /* least size of keys in the chain */
	uint32_t schemes; /* set of enum auth_scheme, for AUTH */
	uint32_t chain_schemes; /* and for the signatures in a chain */
	char text[64]; /* as configured, for messages */
	const struct cert *certs[CONF_CERTS]; /* local: ours, best first, all with a key; remote: these alone, 0 any */
	const struct cert *cacerts[CONF_CERTS]; /* remote: these alone, 0: all there are */
	int cert_count, cacert_count;
};

/* Bits of start_action, dpd_action and close_action: what to do with a child at first, after a loss, and after the
 * peer's DELETE. */
enum conf_action { ACTION_NONE = 0, ACTION_TRAP = 1 << 0, ACTION_START = 1 << 1 };

/* In strongSwan's meaning: a random part of `rand` goes off `rekey`. 0: never. */
struct conf_life {
	uint64_t rekey, life, rand;
};

struct conf_child {
	struct conf_child *next;
	char *name;
	struct xswan_ts local_ts[CONF_TS], remote_ts[CONF_TS];
	int local_ts_count, remote_ts_count; /* 0: "dynamic", the IKE address itself */
	struct conf_proposal proposals[CONF_PROPOSALS];
	int proposal_count;
	unsigned int start_action, dpd_action, close_action; /* enum conf_action */
	uint32_t priority; /* of its selectors: lowest first, before all that have none (0) */
	uint32_t replay_window; /* packets */
	uint8_t mode; /* enum xswan_mode */
	uint8_t header; /* enum xswan_header_flag */
	uint8_t dscp; /* 0 to 63, with XSWAN_HEADER_SET_DSCP */
	uint16_t tfc; /* as in struct xswan_sa */
	uint32_t dummy_rate; /* as in struct xswan_dp_sa_add */
	struct conf_life time; /* seconds */
	struct conf_life bytes, packets; /* of one direction */
	uint32_t tunnel; /* number in the tunnel map; set by the daemon before use */
};

enum send_cert { SEND_CERT_IFASKED, SEND_CERT_ALWAYS, SEND_CERT_NEVER };
enum conf_unique { UNIQUE_NO, UNIQUE_NEVER, UNIQUE_REPLACE, UNIQUE_KEEP }; /* unique.h */

#define KEYINGTRIES_DEFAULT (-1) /* without end for what shall be up, one for what packets or people ask for */

struct conf_conn {
	struct conf_conn *next;
	char *name;
	struct conf_addr local_addrs[CONF_ADDRS], remote_addrs[CONF_ADDRS]; /* count 0: %any */
	int local_addr_count, remote_addr_count;
	struct conf_proposal proposals[CONF_PROPOSALS];
	int proposal_count;
	struct identity local_id, remote_id;
	struct conf_auth local_auth, remote_auth;
	uint8_t send_cert; /* enum send_cert */
	bool no_certreq; /* do not ask for certificates */
	bool encap; /* force UDP encapsulation by a NAT_DETECTION hash that does not match */
	bool mobike; /* RFC 4555 */
	enum conf_unique unique;
	int keyingtries; /* attempts in a row; 0: without end; KEYINGTRIES_DEFAULT */
	enum fragmentation fragmentation;
	uint32_t dpd_delay; /* seconds; 0: no liveness checks */
	enum { CHILDLESS_ALLOW, CHILDLESS_NEVER, CHILDLESS_PREFER, CHILDLESS_FORCE } childless; /* RFC 6023 */
	uint64_t rekey_time, reauth_time, over_time, rand_time; /* seconds; 0: never; lifetime.h */
	struct conf_child *children;
	char *origin; /* "file:line" of the section, for messages */
};

/*
 * A child with mode = pass or drop: a policy and nothing more. No IKE is about it, so it is no child of
 * its connection here, and a connection with no other children is none.
 */
struct conf_shunt {
	struct conf_shunt *next;
	char *conn, *name;
	bool pass; /* else drop */
	uint32_t priority; /* as a child's */
	struct xswan_ts local_ts[CONF_TS], remote_ts[CONF_TS];
	int local_ts_count, remote_ts_count;
	char *origin; /* as a connection's */
};

struct conf_secret {
	struct conf_secret *next;
	char *name;
	struct identity ids[CONF_IDS]; /* id_count 0: any peer */
	int id_count;
	uint8_t *data; /* wiped on free */
	size_t len;
};

struct config_index;

#define CONF_CRL_URIS 8

/* A CA, and where its revocation lists are. */
struct conf_authority {
	struct conf_authority *next;
	char *name;
	const struct cert *ca;
	char *crl_uris[CONF_CRL_URIS]; /* file:///… */
	int crl_uri_count;
};

struct config {
	int refs;
	struct conf_conn *conns;
	struct conf_shunt *shunts;
	struct conf_secret *secrets;
	struct conf_authority *authorities;
	struct credentials *credentials; /* NULL: none */
	struct config_index *index; /* NULL: not made yet (config_index.h) */
	struct conf_name *names; /* of local_addrs and remote_addrs, each once */
};

struct config *config_ref(struct config *cfg);
void config_unref(struct config *cfg);

const char *config_action_format(unsigned int actions, const char *none); /* strongSwan's word; `none` for none */

/* While a configuration is being built; later they go with it. */
void config_free_conn(struct conf_conn *conn);
void config_free_shunt(struct conf_shunt *shunt);
void config_free_authority(struct conf_authority *authority);

struct conf_conn *config_find_conn(const struct config *cfg, const char *name);
struct conf_child *conn_find_child(const struct conf_conn *conn, const char *name);

/* The best secret for this pair: both identities named, then one, then one without owners. */
const struct conf_secret *config_find_psk(const struct config *cfg, const struct identity *local, const struct identity *remote);

/*
 * "192.0.2.1", "gw.example.com", "admin@example.com", "@#6b6579", "C=CH, CN=gw"; patterns, which only a configuration
 * has: "%any", "*.example.com", "*@example.com", "C=CH, CN=*". 0, -EINVAL, or -EMSGSIZE: more than there is room for.
 */
int identity_parse(struct identity *id, const char *text);
const char *identity_format(const struct identity *id, char *out, size_t size);
static inline bool identity_is_exact(const struct identity *id)
{
	return id->type != ID_ANY && !id->pattern;
}
struct identity identity_of_name(const void *der, size_t len); /* a distinguished name; ID_ANY: there is no room for it */
bool identity_matches(const struct identity *configured, const struct identity *received);
bool identity_equal(const struct identity *a, const struct identity *b); /* a star is a character like any other */
bool identity_same(const struct identity *a, const struct identity *b); /* whoever is called so: names in either case */

/*
 * The value of `auth`: kind, schemes and sizes; the rest is zero. Sizes and hashes also bind the chain, unless they come
 * after "ike:". -EINVAL and why.
 */
int conf_auth_parse(struct conf_auth *auth, const char *text, char *why, size_t why_size);

/* For ike = true an IKE proposal, else ESP. On error -EINVAL, and why_size bytes of reason in why. */
int conf_proposal_parse(struct conf_proposal *p, const char *text, bool ike, char *why, size_t why_size);
/* Fills the defaults used when nothing is configured (or the word "default"). */
void conf_proposal_default(struct conf_proposal *p, bool ike);

#endif
