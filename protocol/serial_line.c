/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Sessions over a serial line (see serial_line.h), the stub's side. */
#include "serial_line.h"

void serial_line_hang_up(struct serial_line *l)
{
	l->open = l->ending = false;
	l->track = (struct serial_track){ 0 };
}

static void begin(struct serial_line *l)
{
	l->open = true;
	if (++l->session == 0)
		l->session = 1;
}

bool serial_line_listens(const struct serial_line *l)
{
	return !l->ending;
}

bool serial_line_take(struct serial_line *l, uint8_t byte)
{
	bool alone = serial_track_byte(&l->track, byte);

	l->beat++;
	if (alone && byte == SERIAL_LINE_END) {
		l->ending = l->open;
		l->open = false;
		l->kept_alive = true;
		return false;
	}
	if (!l->open && (byte == '$' || byte == SERIAL_LINE_INTERRUPT))
		begin(l);
	/* The middle of a packet whose beginning was not for us. */
	if (!l->open)
		l->track = (struct serial_track){ 0 };
	return l->open;
}

uint32_t serial_line_session(const struct serial_line *l)
{
	return l->open ? l->session : 0;
}

uint32_t serial_line_beat(struct serial_line *l)
{
	if (!l->kept_alive)
		l->beat++;
	return l->beat;
}
