/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back-end for virtual interfaces (backend = vnet): whole super-packets, where AF_XDP would have the kernel cut them up.
 *
 *	interface ─TC ingress─▶ xswvN ─read()─▶ worker                     (bpf/vnet.h)
 *	interface ◀─TC ingress on xswvN─ xswvN ◀─write()─ worker
 *
 * xswvN is a TAP device, one for each port of this kind, with a queue for each worker that owns queues. Each frame has a struct
 * virtio_net_hdr before it, both ways. A super-packet is cut up into frames of the worker's own when it is read; what is
 * sent is joined again where it is of one flow: TCP and UDP of hosts on their way in, ESP in UDP on its way out. The
 * device goes with the process, and then the TC program drops what would have gone there.
 */
#ifndef XSWAN_DP_VNET_H
#define XSWAN_DP_VNET_H

#include <stdint.h>

#include "port.h"

struct vnet; /* a queue's buffers */
struct worker;

int vnet_buffers_new(struct queue *q); /* 0 or -errno */
void vnet_buffers_free(struct queue *q);

/* Takes what there is, up to about a batch, into batches; how many segments. */
uint32_t vnet_receive(struct worker *w, struct queue *q);
/* Takes over the frame, which may wait to be joined with others until vnet_flush(). */
void vnet_send(struct worker *w, struct queue *q, uint8_t *frame, uint32_t len);
void vnet_flush(struct worker *w, struct queue *q);

#endif
