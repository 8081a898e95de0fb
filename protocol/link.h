/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The sealed link between the owner's debugger and the stub: a Noise handshake, then records. One
 * implementation for both ends, pure: bytes in, bytes out. RSP travels inside it as a stream.
 *
 * Every frame on the wire is framed like an RSP packet, '$' body '#' checksum, escaped
 * (rsp_frame.h), so that it passes wherever RSP passes (serial_line.h), and damage before the
 * session is skipped. The first byte of the body says what it is:
 *
 *   '1'  version, message 1                      debugger, again while nobody answers
 *   '2'  version, policy hash, message 2         stub; its payload is the evidence
 *   '3'  message 3                               debugger, when it is content with the evidence
 *   'r'  one transport message: type, length of the data (2 bytes, little endian), data, zeros
 *
 * version is LINK_VERSION. The policy's hash (SHA-256 of its text) in '2' is a hint for error
 * messages only: what counts is the prologue, "cvmdbg-link" || version || policy hash, on which
 * both ends must agree. Nothing else than the above is ever taken or sent, and there is no way to
 * ask a sealed stub for less than this.
 *
 * The first record from the stub says whether the debugger's key may come in: LINK_WELCOME or
 * LINK_BYE. What is sealed of a record (type, length, data, zeros) has one of Padmé's sizes (PURBs,
 * Nikitin et al. 2019, section 4), LINK_PAD_MIN at least: who listens learns a length to about
 * 12 %, and when.
 *
 * Before the session (one's first 'r' from the other end) damaged and unexpected frames are
 * dropped, and a '1' begins anew. Inside, anything but the next record ends the link for good:
 * LINK_BROKEN. Bytes between frames mean nothing and are skipped.
 *
 * Costs of a record: sending copies the data once, seals it in place and escapes it into the
 * output; receiving unescapes it and opens it in place. The handshake is five X25519 at each
 * end: the stub's are four for '1' and one for '3', the debugger's two for '1' and three for '2'.
 */
#ifndef PROTOCOL_LINK_H
#define PROTOCOL_LINK_H

#include "noise.h"
#include "rsp_frame.h"

enum {
	LINK_VERSION = 1,
	LINK_EVIDENCE_MAX = 16384,
	LINK_DATA_MAX = 16384, /* bytes of data in one record */
	LINK_PAD_MIN = 64,
	LINK_RETRY_MS = 1000, /* the debugger says '1' again: link_retry */
	LINK_RETRY_GAP = 8,   /* the longest pause, in calls of link_retry */
	/* What link_init wants: a buffer for the peer's frame, one for ours, escaped. */
	LINK_BODY_MAX = LINK_EVIDENCE_MAX + 4096,
	LINK_OUT_MAX = 2 * LINK_BODY_MAX + 64,
	LINK_MEMORY = LINK_BODY_MAX + LINK_OUT_MAX,
};

enum link_state {
	LINK_HANDSHAKE,
	LINK_OPEN,
	LINK_REFUSED, /* `why`, in the peer's or our words; output that is left should be sent */
	LINK_BROKEN,  /* forged, damaged or out of order inside a session: `why`; no output */
};

enum link_record {
	LINK_WELCOME, /* stub's first: come in */
	LINK_BYE,     /* text: why not, or why not any more */
	LINK_RSP,     /* bytes of the RSP stream */
	LINK_DUMP,    /* bytes of a dump's stream */
};

/* What one end knows and decides. Everything lives as long as the link. */
struct link_config {
	const struct noise_crypto *crypto;
	enum noise_role role;		     /* the debugger is the initiator */
	const uint8_t *secret, *policy_hash; /* NOISE_KEY bytes each */
	/* Stub: what message 2 carries, LINK_EVIDENCE_MAX at most; may be empty. */
	const void *evidence;
	size_t evidence_len;
	/* 32 bytes of randomness for an ephemeral key; false: none now, be silent until later. */
	bool (*random)(void *arg, uint8_t ret[NOISE_KEY]);
	/*
	 * Whether the owner of @peer's secret may go on. Debugger: @evidence is what the stub has
	 * sent, checked before our own key is shown. Stub: @evidence is NULL. NULL: yes; else the
	 * reason, static text or living as long as the link.
	 */
	const char *(*check)(void *arg, const uint8_t peer[NOISE_KEY], const void *evidence,
			     size_t evidence_len);
	void *arg;
};

struct link {
	const struct link_config *config;
	enum link_state state; /* never goes back to LINK_HANDSHAKE */
	char why[160];	       /* printable, whoever has said it */
	struct noise noise;    /* `peer` is valid in LINK_OPEN */
	struct noise_cipher sealing, opening;
	bool keyed;   /* there are: '3' is sent, or accepted */
	bool leaving; /* LINK_BYE follows the output that is pending */
	unsigned int retries;
	struct rsp_frame frame;
	/* The record that has arrived: data not yet taken. */
	enum link_record type;
	const uint8_t *data;
	size_t data_len;
	bool arrived; /* even when empty */
	uint8_t *out; /* escaped frame being sent */
	size_t out_len, out_sent;
	uint8_t *body; /* where frames are made: the end of `out`, which escaping does not overtake
			*/
	/* Who is at the other end, proven, let in or not; kept until link_wipe. */
	uint8_t peer[NOISE_KEY];
	bool peer_known;
	uint8_t peer_hash[NOISE_KEY]; /* the hint, when peer_hash_known */
	bool peer_hash_known;
	uint64_t records_in, records_out;
};

/*
 * @mem: LINK_MEMORY bytes that live as long as the link. The debugger's '1' is in the output. The
 * stub is LINK_OPEN with the debugger's first record, the debugger with the stub's LINK_WELCOME.
 */
void link_init(struct link *l, const struct link_config *config, void *mem);

/*
 * Debugger, each LINK_RETRY_MS in LINK_HANDSHAKE: says '1' again, with a new ephemeral key, at the
 * 1st, 2nd, 4th, 8th call and then at each LINK_RETRY_GAPth: pauses grow, so that an answer which
 * takes longer than one of them is not always late.
 */
void link_retry(struct link *l);

/*
 * Takes bytes off the wire and returns how many: it stops at a record that has arrived. What a link
 * that has ended takes is lost.
 */
size_t link_input(struct link *l, const uint8_t *data, size_t len);

/* The record that has arrived, decrypted: its bytes not yet taken. False: none. */
bool link_arrived(const struct link *l, enum link_record *type, const uint8_t **data, size_t *len);
/* The first @len bytes of it are done; all of them: it is gone. */
void link_taken(struct link *l, size_t len);

/*
 * Seals up to LINK_DATA_MAX of the @len bytes as one record, LINK_RSP or LINK_DUMP, and returns how
 * many: 0 while the last one is not sent, or outside LINK_OPEN.
 */
size_t link_send(struct link *l, enum link_record type, const void *data, size_t len);

/*
 * Ends a link that has not ended: LINK_REFUSED. Where there are keys, the last output tells the
 * peer
 * @why.
 */
void link_bye(struct link *l, const char *why);

/* Bytes for the wire; 0: none. */
size_t link_output(const struct link *l, const uint8_t **ret);
void link_sent(struct link *l, size_t len);

/* Forgets keys and data, also those in the link's memory, which may be used again. LINK_BROKEN. */
void link_wipe(struct link *l);

#endif
