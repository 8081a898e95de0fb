/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Where guest RAM is: in guest physical space, in QEMU, in a file. Fills sim.block. */
#ifndef TESTS_SEVSIM_LAYOUT_H
#define TESTS_SEVSIM_LAYOUT_H

/* 0, or -1 (said why). */
int layout_find(void);

#endif
