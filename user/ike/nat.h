/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection (RFC 7296 section 2.23). */
#ifndef XSWAN_IKE_NAT_H
#define XSWAN_IKE_NAT_H

#include "ike_sa.h"

#define PORT_IKE 500
#define PORT_IKE_NAT 4500

void nat_write(struct ike_sa *sa, struct chain *c); /* both notifies, between sa->local and sa->remote */
void nat_write_path(struct ike_sa *sa, struct chain *c, const struct endpoint *local, const struct endpoint *remote);
/* Sets nat_local, nat_remote and natt; the message in `in` came between sa->remote and sa->local with this responder's SPI.
 */
void nat_detect(struct ike_sa *sa, const struct payloads *in, uint64_t spi_r);

#endif
