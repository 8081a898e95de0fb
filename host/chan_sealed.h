/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The debugger's end of a sealed link (protocol/link.h) as a channel: what is written leaves
 * sealed, what is read was opened. The handshake takes place in it, while nothing moves.
 */
#ifndef HOST_CHAN_SEALED_H
#define HOST_CHAN_SEALED_H

#include "host/chan.h"
#include "protocol/link.h"

/*
 * Takes @under over, also when it fails. @config lives as long as the channel. How the link ends,
 * and that it was opened, is told on standard error, once.
 */
int chan_sealed_create(struct chan *under, const struct link_config *config, struct chan **ret,
		       struct err *err) MUST_USE;

#endif
