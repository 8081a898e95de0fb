/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Sessions over a serial line, which itself knows neither connections nor whether anybody is there.
 * Both sides are here, so that they cannot differ. Bytes with a meaning of their own stand
 * between packets only:
 *
 *   0x04      from the debugger's side: ends the session, if there is one. An agent's first and
 *             last byte, after "#zz" lest it lands in a packet that somebody was cut off in; it
 *             also says that its sender keeps the session alive, see below
 *   '$' 0x03  begin a session, when there is none; nothing else does
 *   '+'       an acknowledgement that nobody waits for: "still here", once a second from an agent
 *             that has nothing to say. A plain gdb on the line does not do that, and is never
 *             taken for lost
 */
#ifndef PROTOCOL_SERIAL_LINE_H
#define PROTOCOL_SERIAL_LINE_H

#include "base.h"

enum {
	SERIAL_LINE_INTERRUPT = 0x03,
	SERIAL_LINE_END = 0x04,
	SERIAL_LINE_ALIVE = '+',
	SERIAL_LINE_ALIVE_MS = 1000,
};

/* Where packets begin and end in a stream of bytes. Zeroed: between packets. */
struct serial_track {
	bool inside;
	uint8_t digits; /* of the checksum, still to come; 0: before '#' */
};

/* Follows one byte; whether it stands alone, outside of every packet. */
static inline bool serial_track_byte(struct serial_track *t, uint8_t byte)
{
	if (!t->inside) {
		t->inside = byte == '$' || byte == '%';
		return !t->inside;
	}
	/* Inside a packet '#' is always the end: elsewhere it is escaped. */
	if (t->digits)
		t->inside = --t->digits;
	else if (byte == '#')
		t->digits = 2;
	return false;
}

/* The stub's view of the line. Zeroed: nobody has called yet. */
struct serial_line {
	struct serial_track track;
	bool open;
	bool ending;	 /* by the other side; the stub has not hung up yet */
	bool kept_alive; /* by who is at the other end */
	uint32_t session, beat;
};

/*
 * Whether the next byte may be taken off the line. Not from a session's end until the stub has hung
 * up: what follows is the next session's, and hanging up must not hit that one.
 */
bool serial_line_listens(const struct serial_line *l);

/* One byte that was received: whether it belongs to the session, which it may have begun. */
bool serial_line_take(struct serial_line *l, uint8_t byte);

/* The session's number, 0: none. */
uint32_t serial_line_session(const struct serial_line *l);

/* Stands still when who should keep the session alive does not (port.h, beat). */
uint32_t serial_line_beat(struct serial_line *l);

/* The stub has done with the session, whoever ended it. */
void serial_line_hang_up(struct serial_line *l);

#endif
