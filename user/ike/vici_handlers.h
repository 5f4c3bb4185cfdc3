/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vici commands and events of xswan-ike. Names, keys and their order are strongSwan's, so that swanctl and other
 * clients work unchanged; what begins with xswan- is our own. What there is no use for answers success = no, and why.
 */
#ifndef XSWAN_IKE_VICI_HANDLERS_H
#define XSWAN_IKE_VICI_HANDLERS_H

#include "../vici/server.h"
#include "engine.h"

struct daemon;

int vici_start(struct daemon *d); /* 0 or -errno, said in the log */
extern const struct vici_command vici_commands[];
extern const char *const vici_events[];

/* vici_events.c */
void vici_raise_update(struct daemon *d, const struct ike_event *event); /* IKE_MOVED */
void vici_raise_updown(struct daemon *d, const struct ike_event *event);
void vici_raise_log(void *daemon, enum log_level level, const char *line); /* a log_hook */
const char *vici_alert_type(const struct ike_log *line); /* NULL: it is none to strongSwan */
void vici_raise_alert(struct daemon *d, const struct ike_log *line); /* if it is one */
void vici_raise_shutdown(struct daemon *d);

/* vici_sas.c: the keys of one IKE SA, without child-sas; and one Child SA as a section of it */
void vici_put_ike_sa(struct vici_builder *b, const struct ike_sa_info *sa);
void vici_put_child_sa(struct vici_builder *b, struct daemon *d, const struct child_info *child);
void vici_put_child_keys(struct vici_builder *b, struct daemon *d, const struct child_info *child); /* the same without */

/* vici_listing.c; it is told of each Child SA that ends, and that none of the IKE SAs is there any more */
void vici_listings_end(struct daemon *d, const struct ike_sa_info *sa, const struct child_info *child, const char *peer,
		       const struct xswan_sa_stat *in, const struct xswan_sa_stat *out);
void vici_listings_cut(struct daemon *d);
enum vici_verdict vici_list_sas(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply);

/* vici_counters.c */
enum vici_verdict vici_outcomes(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply);
enum vici_verdict vici_get_counters(void *daemon, struct vici_request *req, const struct vici_message *msg,
				    struct vici_builder *reply);
enum vici_verdict vici_reset_counters(void *daemon, struct vici_request *req, const struct vici_message *msg,
				      struct vici_builder *reply);

/* vici_rekey.c */
enum vici_verdict vici_rekey(void *daemon, struct vici_request *req, const struct vici_message *msg,
			     struct vici_builder *reply);
void vici_raise_rekey(struct daemon *d, const struct ike_event *event); /* IKE_REKEYED and CHILD_REKEYED */

/* vici_conns.c */
/* A list of selectors; none: "dynamic" */
void vici_put_ts(struct vici_builder *b, const char *name, const struct xswan_ts *ts, int count);
enum vici_verdict vici_list_conns(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply);

/* vici_policies.c */
enum vici_verdict vici_list_policies(void *daemon, struct vici_request *req, const struct vici_message *msg,
				     struct vici_builder *reply);
enum vici_verdict vici_install(void *daemon, struct vici_request *req, const struct vici_message *msg,
			       struct vici_builder *reply);
enum vici_verdict vici_uninstall(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply);

/* vici_query.c */
enum vici_verdict vici_get_algorithms(void *daemon, struct vici_request *req, const struct vici_message *msg,
				      struct vici_builder *reply);
enum vici_verdict vici_get_pools(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply);
enum vici_verdict vici_load_pool(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply);
enum vici_verdict vici_unload_pool(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply);
enum vici_verdict vici_redirect(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply);
enum vici_verdict vici_load_token(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply);
enum vici_verdict vici_reload_settings(void *daemon, struct vici_request *req, const struct vici_message *msg,
				       struct vici_builder *reply);

/* vici_load.c */
void vici_loaded_settle(struct daemon *d); /* the configuration is made of what has come so far */
void vici_loaded_later(struct daemon *d); /* the same, when credentials have stopped coming for a moment */
void vici_loaded_free(struct daemon *d);
enum vici_verdict vici_get_conns(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply);
enum vici_verdict vici_load_conn(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply);
enum vici_verdict vici_unload_conn(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply);
enum vici_verdict vici_get_authorities(void *daemon, struct vici_request *req, const struct vici_message *msg,
				       struct vici_builder *reply);
enum vici_verdict vici_load_authority(void *daemon, struct vici_request *req, const struct vici_message *msg,
				      struct vici_builder *reply);
enum vici_verdict vici_unload_authority(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply);

/* vici_diff.c */
enum vici_verdict vici_diff(void *daemon, struct vici_request *req, const struct vici_message *msg,
			    struct vici_builder *reply);
enum vici_verdict vici_apply(void *daemon, struct vici_request *req, const struct vici_message *msg,
			     struct vici_builder *reply);
enum vici_verdict vici_confirm(void *daemon, struct vici_request *req, const struct vici_message *msg,
			       struct vici_builder *reply);

/* vici_credentials.c */
enum vici_verdict vici_load_cert(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply);
enum vici_verdict vici_load_key(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply);
enum vici_verdict vici_unload_key(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply);
enum vici_verdict vici_get_keys(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply);
enum vici_verdict vici_load_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply);
enum vici_verdict vici_unload_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				     struct vici_builder *reply);
enum vici_verdict vici_get_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply);
enum vici_verdict vici_flush_certs(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply);
enum vici_verdict vici_clear_creds(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply);

/* vici_certs.c */
enum vici_verdict vici_list_certs(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply);
enum vici_verdict vici_list_authorities(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply);

#endif
