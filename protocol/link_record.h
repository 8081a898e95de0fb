/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Records of the sealed link: layout, padding, sealing. For link.c; says nothing of states. */
#ifndef PROTOCOL_LINK_RECORD_H
#define PROTOCOL_LINK_RECORD_H

#include "link.h"

/* Padmé's size for @len bytes, LINK_PAD_MIN at least. */
size_t link_record_padded(size_t len);

/* Makes the frame of @len bytes in l->body the output, instead of what was there. */
void link_record_emit(struct link *l, size_t len);

/* Seals a record of @len bytes, LINK_DATA_MAX at most, into the output. */
void link_record_put(struct link *l, enum link_record type, const void *data, size_t len);

/* Opens l->frame, an 'r', as l->type and l->data. False: it is not the next record. */
bool link_record_open(struct link *l) MUST_USE;

#endif
